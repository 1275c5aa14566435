"""FORGE, continual learning of brain disorders over sites that arrive one after another."""
