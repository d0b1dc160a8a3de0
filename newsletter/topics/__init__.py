"""What a topics file says: its front matter and its body. Nothing here reads files or knows a source."""
