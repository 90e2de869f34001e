"""Whole networks on arrays: models of PyTorch and ONNX, converted layer by layer."""
