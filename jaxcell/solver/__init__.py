"""Structured implicit integration of a chain of sites, with exact derivatives."""
