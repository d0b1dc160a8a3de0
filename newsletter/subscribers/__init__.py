"""Joining, changing and leaving: one set of rules for the command line and the web.

Nothing here prints or answers HTTP.
"""
