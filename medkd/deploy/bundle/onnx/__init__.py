"""ONNX: the graph ``model.onnx`` of a bundle's network, its export and its computation by ONNX Runtime."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
