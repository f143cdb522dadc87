"""Mending what time did: photographs and films."""
