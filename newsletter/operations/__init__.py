"""Keeping it running: how the day stands, what an operator must be told, backups, the day's hours, rehearsals.

Nothing here mails readers: what goes out is decided by editions and done by delivery.
"""
