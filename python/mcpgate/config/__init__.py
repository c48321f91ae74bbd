"""Everything settable: the model, its loader and its schema."""
