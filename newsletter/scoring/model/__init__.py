"""The language model's part: what is asked, bought, believed and paid for. Only client.py knows the vendor."""
