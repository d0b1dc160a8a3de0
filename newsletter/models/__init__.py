"""The nouns, and the protocols by which services reach a stage: frozen, one file per family.

They decide nothing and call nothing.
"""
