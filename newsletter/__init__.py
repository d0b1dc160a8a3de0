"""Mails each subscriber, every morning, the few new arXiv papers that matter to them."""

__version__ = "0.1.0"
