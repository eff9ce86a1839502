"""The crop plane: gathers readings and answers questions about them. It knows no person and imports nothing of glasshouse."""
