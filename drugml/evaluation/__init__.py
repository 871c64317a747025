"""Judging predictions: figures for people."""
