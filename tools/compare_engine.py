"""One engine on one network, in a process of its own: a worker of tools/compare.

    python compare_engine.py ENGINE MODEL.onnx THREADS [busy] [train]

Prints its version, then answers lines: "run IN.npz OUT.npz" runs the network on the arrays of a file, "time IN.npz
SECONDS" prints the median milliseconds of runs for about that long, of processor time with `busy`.
"""
import os
import sys

THREADS = int(sys.argv[3])
BUSY = "busy" in sys.argv[4:]
TRAIN = "train" in sys.argv[4:]
os.environ["OMP_NUM_THREADS"] = str(THREADS)
if BUSY:
    os.environ["OMP_WAIT_POLICY"] = "passive"  # what waits must not count as work
else:
    os.environ["OMP_PROC_BIND"] = "true"  # unbound threads cost long stalls
    os.environ["OMP_PLACES"] = "cores"

import pathlib
import statistics
import subprocess
import time

import numpy as np


class OnnxRuntime:
    def __init__(self, path):
        import onnxruntime
        self.version = "ONNX Runtime " + onnxruntime.__version__
        o = onnxruntime.SessionOptions()
        o.intra_op_num_threads = THREADS
        o.log_severity_level = 3
        o.add_session_config_entry("session.intra_op.allow_spinning", "0" if BUSY else "1")
        self.session = onnxruntime.InferenceSession(path, o, providers=["CPUExecutionProvider"])

    def run(self, feed):
        return self.session.run(None, feed)


class OpenVino:
    def __init__(self, path):
        import openvino
        self.version = "OpenVINO " + openvino.__version__.split("-")[0]
        # Processors with bf16 would compute in it.
        config = {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": "f32",
                  "PERFORMANCE_HINT": "LATENCY"}
        self.model = openvino.Core().compile_model(path, "CPU", config)
        self.request = self.model.create_infer_request()

    def run(self, feed):
        result = self.request.infer(feed, share_inputs=True, share_outputs=True)
        return [result[o] for o in self.model.outputs]


class Ncnn:
    """Converted by pnnx; without fp16 and bf16. It knows no batches."""

    def __init__(self, path):
        import ncnn
        import onnx
        self.ncnn = ncnn
        self.version = "ncnn " + ncnn.__version__
        dims = [d.dim_value for d in onnx.load(path, load_external_data=False).graph.input[0].type.tensor_type.shape.dim]
        if dims[0] != 1:
            raise ValueError("ncnn has no batches")
        path = pathlib.Path(path)
        pnnx = pathlib.Path(sys.executable).parent / "pnnx"
        subprocess.run([pnnx, path.name, f"inputshape=[{','.join(map(str, dims))}]", "fp16=0"], cwd=path.parent,
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.net = ncnn.Net()
        self.net.opt.num_threads = THREADS
        for name in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
            setattr(self.net.opt, name, False)
        stem = str(path.with_suffix("")).replace("-", "_")
        if self.net.load_param(stem + ".ncnn.param") or self.net.load_model(stem + ".ncnn.bin"):
            raise ValueError("ncnn cannot load what pnnx made")

    def run(self, feed):
        (x,) = feed.values()
        ex = self.net.create_extractor()
        ex.input(self.net.input_names()[0], self.ncnn.Mat(x[0]))
        return [np.array(ex.extract(name)[1]) for name in self.net.output_names()]


class Torch:
    """The same graph, node by node; traced, frozen and optimised. Trains with SGD with momentum."""
    device = "cpu"

    def __init__(self, path):
        import torch
        from compare_torch_onnx import Network
        self.torch = torch
        self.version = "PyTorch " + torch.__version__.split("+")[0]
        torch.set_num_threads(THREADS)
        self.net = Network(path, TRAIN).to(self.device)
        self.sgd = torch.optim.SGD(self.net.parameters(), lr=1e-4, momentum=0.9) if TRAIN else None
        self.ready = None
        if self.device == "cuda":
            torch.backends.cudnn.benchmark = True

    def inputs(self, feed):
        return [self.torch.from_numpy(x).to(self.device) for x in feed.values()]

    def begin(self, feed):
        torch = self.torch
        x = self.inputs(feed)
        with torch.no_grad():
            self.ready = torch.jit.freeze(torch.jit.trace(self.net.eval(), x))
            if self.device == "cpu":
                self.ready = torch.jit.optimize_for_inference(self.ready)

    def step(self, x):
        y = self.net(*x)[0]
        labels = self.torch.zeros(len(y), dtype=self.torch.long, device=self.device)
        self.sgd.zero_grad(set_to_none=True)
        self.torch.nn.functional.cross_entropy(y.flatten(1), labels).backward()
        self.sgd.step()

    def once(self, x):
        if TRAIN:
            self.step(x)
        else:
            with self.torch.no_grad():
                return self.ready(*x)

    def run(self, feed):
        if not TRAIN and self.ready is None:
            self.begin(feed)
        y = self.once(self.inputs(feed))
        return [] if TRAIN else [v.cpu().numpy() for v in y]

    def timed(self, feed):
        """What to time: without the copies to a device, with its work done."""
        x = self.inputs(feed)

        def once():
            self.once(x)
            if self.device == "cuda":
                self.torch.cuda.synchronize()
        return once


class TorchCuda(Torch):
    """Single precision; cuDNN's tensor cores (TF32) off."""
    device = "cuda"
    tf32 = False

    def __init__(self, path):
        import torch
        if not torch.cuda.is_available():
            raise ValueError("PyTorch sees no GPU")
        if not self.tf32:
            torch.backends.cuda.matmul.allow_tf32 = False
            torch.backends.cudnn.allow_tf32 = False
        super().__init__(path)
        self.version += f" on {torch.cuda.get_device_name()}{', its default precision' if self.tf32 else ', fp32'}"


class TorchCudaDefault(TorchCuda):
    """As PyTorch comes: convolutions in TF32."""
    tf32 = True


ENGINES = {"onnxruntime": OnnxRuntime, "openvino": OpenVino, "ncnn": Ncnn, "torch": Torch,
           "torch-cuda": TorchCuda, "torch-cuda-default": TorchCudaDefault}


def median_ms(once, seconds):
    clock = time.process_time if BUSY else time.perf_counter
    once()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = clock()
        once()
        times.append(1e3 * (clock() - start))
    return statistics.median(times)


def main():
    try:
        engine = ENGINES[sys.argv[1]](sys.argv[2])
    except Exception as e:
        print("no", str(e).strip().split("\n")[0], flush=True)
        return
    print("ok", engine.version, flush=True)
    for line in sys.stdin:
        word, path, last = line.split()
        with np.load(path) as f:
            feed = {name: f[name] for name in f.files}
        if word == "run":
            np.savez(last, *engine.run(feed))
            print("ok", flush=True)
        else:
            engine.run(feed)
            once = engine.timed(feed) if hasattr(engine, "timed") else lambda: engine.run(feed)
            print(median_ms(once, float(last)), flush=True)


if __name__ == "__main__":
    main()
