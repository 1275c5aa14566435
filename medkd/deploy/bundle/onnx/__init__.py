"""ONNX: the graph ``model.onnx`` of a bundle's network, its export and its computation by ONNX Runtime."""
