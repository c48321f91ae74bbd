"""The stored and the live truth about servers and their entries."""
