"""What other programs reach: webhooks, health. Nothing here is meant for eyes."""
