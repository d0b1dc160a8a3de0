"""How an edition reads, in the reader's language: HTML, text, Markdown, RSS. Nothing here decides what is in it."""
