"""Breaks the promises on purpose, one breakage at a time, on a scratch service, and sees whether the checks notice."""
