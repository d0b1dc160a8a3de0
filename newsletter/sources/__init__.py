"""Where papers come from. One folder or file per source."""
