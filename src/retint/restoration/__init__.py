"""Mends what time did: damage of photographs and films, on luma, by stages."""
