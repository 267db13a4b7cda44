"""How results and errors are shown in terminals and notebooks.

The lowest layer: it knows results, models and files by their attributes only.
"""
