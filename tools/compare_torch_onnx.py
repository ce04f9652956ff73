"""Convolutional networks of ONNX files as PyTorch modules, which reads no such files itself: for tools/compare."""
import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper


def padded(x, pads, value=0.0):
    """x with ONNX's pads (all beginnings, then all ends), and what is left for the operation itself."""
    half = len(pads) // 2
    if list(pads[:half]) == list(pads[half:]):
        return x, tuple(pads[:half])
    return F.pad(x, [p for b, e in zip(reversed(pads[:half]), reversed(pads[half:])) for p in (b, e)], value=value), 0


def pool_size(x, kernel, strides, pads, ceil):
    """More padding at the ends where ONNX rounds up."""
    pads = list(pads)
    for d in range(2 if ceil else 0):
        rest = (x.shape[2 + d] + pads[d] + pads[2 + d] - kernel[d]) % strides[d]
        pads[2 + d] += strides[d] - rest if rest else 0
    return pads


def conv(a, x, w, b=None):
    x, pad = padded(x, a.get("pads", [0] * 4))
    return F.conv2d(x, w, b, a.get("strides", 1), pad, a.get("dilations", 1), a.get("group", 1))


def max_pool(a, x):
    k, s = a["kernel_shape"], a.get("strides", [1, 1])
    x, pad = padded(x, pool_size(x, k, s, a.get("pads", [0] * 4), a.get("ceil_mode")), -float("inf"))
    return F.max_pool2d(x, k, s, pad)


def average_pool(a, x):
    k, s = a["kernel_shape"], a.get("strides", [1, 1])
    pads = pool_size(x, k, s, a.get("pads", [0] * 4), a.get("ceil_mode"))
    y, pad = padded(x, pads)
    if a.get("count_include_pad") or not any(pads):
        return F.avg_pool2d(y, k, s, pad)
    ones, _ = padded(torch.ones_like(x[:1, :1]), pads)
    return F.avg_pool2d(y, k, s, pad) / F.avg_pool2d(ones, k, s, pad)


def gemm(a, x, w, b=None):
    if x.dim() == 2 and a.get("transB") and not a.get("transA") and a.get("alpha", 1) == a.get("beta", 1) == 1:
        return F.linear(x, w, b)
    y = a.get("alpha", 1.0) * (x.t() if a.get("transA") else x) @ (w.t() if a.get("transB") else w)
    return y if b is None else y + a.get("beta", 1.0) * b


def reshape(x, shape):
    return x.reshape([x.shape[i] if n == 0 else n for i, n in enumerate(shape)])


OPS = {
    "Conv": conv,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "Gemm": gemm,
    "MatMul": lambda a, x, w: x @ w,
    "Relu": lambda a, x: F.relu(x),
    "Tanh": lambda a, x: torch.tanh(x),
    "Sigmoid": lambda a, x: torch.sigmoid(x),
    "Softmax": lambda a, x: F.softmax(x, a.get("axis", -1)),
    "GlobalAveragePool": lambda a, x: x.mean((2, 3), keepdim=True),
    "Add": lambda a, x, y: x + y,
    "Mul": lambda a, x, y: x * y,
    "Sum": lambda a, *x: sum(x[1:], x[0]),
    "Concat": lambda a, *x: torch.cat(x, a["axis"]),
    "Flatten": lambda a, x: x.flatten(a.get("axis", 1)),
    "Dropout": lambda a, x, *_: x,
    "Identity": lambda a, x: x,
    "LRN": lambda a, x: F.local_response_norm(x, a["size"], a.get("alpha", 1e-4), a.get("beta", 0.75), a.get("bias", 1.0)),
}


class Network(torch.nn.Module):
    """Weights are parameters with `train`, and batch normalisation uses the batch's statistics then."""

    def __init__(self, path, train):
        super().__init__()
        graph = onnx.load(path).graph
        self.train_mode = train
        self.fixed, self.names = {}, {}
        for i in graph.initializer:
            self.keep(i.name, numpy_helper.to_array(i))
        self.nodes = []
        for n in graph.node:
            a = {x.name: onnx.helper.get_attribute_value(x) for x in n.attribute}
            if n.op_type == "Constant":
                self.keep(n.output[0], numpy_helper.to_array(a["value"]))
            elif n.op_type not in OPS and n.op_type not in ("BatchNormalization", "Reshape", "Clip", "ReduceMean"):
                raise ValueError(f"{n.op_type} is not known here")
            else:
                self.nodes.append((n.op_type, a, list(n.input), n.output[0]))
        self.inputs = [i.name for i in graph.input if i.name not in self.names and i.name not in self.fixed]
        self.outputs = [o.name for o in graph.output]

    def keep(self, name, x):
        """Whole numbers are shapes and axes; others are weights."""
        if x.dtype != np.float32:
            self.fixed[name] = x.tolist()
            return
        self.names[name] = f"w{len(self.names)}"
        value = torch.from_numpy(x.copy())
        if self.train_mode and x.ndim > 0:
            self.register_parameter(self.names[name], torch.nn.Parameter(value))
        else:
            self.register_buffer(self.names[name], value)

    def batch_norm(self, a, x, scale, shift, mean, variance):
        return F.batch_norm(x, mean.detach(), variance.detach(), scale, shift, self.train_mode, 0.1,
                            a.get("epsilon", 1e-5))

    def forward(self, *x):
        values = dict(zip(self.inputs, x))

        def get(name):
            return values[name] if name in values else getattr(self, self.names[name])
        for op, a, names, out in self.nodes:
            if op == "Reshape":
                y = reshape(get(names[0]), self.fixed[names[1]])
            elif op == "ReduceMean":
                axes = a.get("axes") or self.fixed[names[1]]
                y = get(names[0]).mean(axes, keepdim=bool(a.get("keepdims", 1)))
            elif op == "Clip":
                low, high = [get(n) if n else None for n in (names[1:] + ["", ""])[:2]]
                y = torch.clamp(get(names[0]), a.get("min") if low is None else float(low),
                                a.get("max") if high is None else float(high))
            elif op == "BatchNormalization":
                y = self.batch_norm(a, *[get(n) for n in names])
            else:
                y = OPS[op](a, *[get(n) for n in names if n])
            values[out] = y
        return [values[o] for o in self.outputs]
