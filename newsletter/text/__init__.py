"""Text made safe and readable: TeX as Unicode, control characters gone.

Nothing here knows papers beyond their text, or marks up.
"""
