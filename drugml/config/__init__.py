"""What a user may write in a config: pydantic specs and their loader. Imports no torch, rdkit or pandas."""
