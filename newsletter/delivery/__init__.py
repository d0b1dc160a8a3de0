"""At most once, or say so: messages, claims, attempts, breakers. Nothing here decides what an edition holds."""
