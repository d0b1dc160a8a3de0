"""How well papers fit a subscriber, as facts. Sentences for readers never go in here; they are rendering's."""
