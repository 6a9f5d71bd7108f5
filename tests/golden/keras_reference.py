# SPDX-License-Identifier: MIT
"""Float inference of the library against layers written in NumPy, on real Keras files.

The reference reads the .h5 with h5py, evaluates every layer in float64 from the layer's definition in the Keras
documentation and shares no code with the library, which is called through its C interface. Prints `ok NAME`,
`not ok NAME: WHY` or `skip NAME: WHY` for every comparison. Limit: 1e-5 of the largest output of the sample set.
Environment: B (build folder), AKIDA_SHARED (data).
"""
import ctypes
import json
import os
import sys

try:
    import h5py
    import numpy as np
except ImportError as e:
    print("skip keras reference: %s" % e)
    sys.exit(77)

BUILD = os.environ.get("B") or "build"
SHARED = os.environ.get("AKIDA_SHARED") or "../shared"
LIMIT = 1e-5


# ---- the reference ----

def text(v):
    return v.decode() if isinstance(v, bytes) else v


def pair(v):
    return (v, v) if isinstance(v, (int, float)) else tuple(v)


def weights_of(group, layer):
    g = group[layer]
    return [g[text(n)][()].astype(np.float64) for n in g.attrs["weight_names"]]


def same_pads(size, kernel, stride, dilation):
    out = -(-size // stride)
    total = max((out - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def padded(x, cfg, kernel, strides, dilation, value):
    if cfg["padding"] != "same":
        return x
    h = same_pads(x.shape[1], kernel[0], strides[0], dilation[0])
    w = same_pads(x.shape[2], kernel[1], strides[1], dilation[1])
    return np.pad(x, ((0, 0), h, w, (0, 0)), constant_values=value)


def taps(x, cfg, kernel, value=0.0):
    strides = pair(cfg.get("strides") or kernel)
    dilation = pair(cfg.get("dilation_rate", (1, 1)))
    x = padded(x, cfg, kernel, strides, dilation, value)
    oh = (x.shape[1] - (kernel[0] - 1) * dilation[0] - 1) // strides[0] + 1
    ow = (x.shape[2] - (kernel[1] - 1) * dilation[1] - 1) // strides[1] + 1
    for ky in range(kernel[0]):
        for kx in range(kernel[1]):
            y0, x0 = ky * dilation[0], kx * dilation[1]
            yield ky, kx, x[:, y0:y0 + (oh - 1) * strides[0] + 1:strides[0], x0:x0 + (ow - 1) * strides[1] + 1:strides[1]]


def conv2d(x, cfg, w):
    kernel = w[0]
    out = sum(v @ kernel[ky, kx] for ky, kx, v in taps(x, cfg, kernel.shape[:2]))
    return out + w[1] if cfg["use_bias"] else out


def depthwise(x, cfg, kernel):
    out = sum(v[..., None] * kernel[ky, kx] for ky, kx, v in taps(x, cfg, kernel.shape[:2]))
    return out.reshape(out.shape[:3] + (-1,))


def depthwise2d(x, cfg, w):
    out = depthwise(x, cfg, w[0])
    return out + w[1] if cfg["use_bias"] else out


def separable2d(x, cfg, w):
    out = depthwise(x, cfg, w[0]) @ w[1][0, 0]
    return out + w[2] if cfg["use_bias"] else out


def dense(x, cfg, w):
    return x @ w[0] + w[1] if cfg["use_bias"] else x @ w[0]


def batchnorm(x, cfg, w):
    w = list(w)
    gamma = w.pop(0) if cfg["scale"] else 1.0
    beta = w.pop(0) if cfg["center"] else 0.0
    return (x - w[0]) / np.sqrt(w[1] + cfg["epsilon"]) * gamma + beta


def relu(x, cfg):
    if cfg.get("negative_slope", 0) or cfg.get("threshold", 0):
        raise NotImplementedError("ReLU with slope or threshold")
    top = cfg["max_value"]
    return np.clip(x, 0, top if top is not None else np.inf)


def max_pool(x, cfg):
    return np.max([v for _, _, v in taps(x, cfg, pair(cfg["pool_size"]), -np.inf)], axis=0)


def average_pool(x, cfg):
    kernel = pair(cfg["pool_size"])
    ones = np.ones_like(x[:1, :, :, :1])
    return sum(v for _, _, v in taps(x, cfg, kernel)) / sum(v for _, _, v in taps(ones, cfg, kernel))


def global_average(x, cfg):
    return x.mean(axis=(1, 2), keepdims=bool(cfg.get("keepdims")))


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def activation(x, name):
    return {"linear": lambda v: v, "relu": lambda v: np.maximum(v, 0), "softmax": softmax,
            "relu6": lambda v: np.clip(v, 0, 6)}[name](x)


def layer(cls, cfg, w, xs):
    x = xs[0]
    if cls in ("Conv2D", "SeparableConv2D", "DepthwiseConv2D", "Dense"):
        f = {"Conv2D": conv2d, "SeparableConv2D": separable2d, "DepthwiseConv2D": depthwise2d, "Dense": dense}[cls]
        return activation(f(x, cfg, w), cfg["activation"])
    if cls == "BatchNormalization":
        return batchnorm(x, cfg, w)
    if cls == "Rescaling":
        return x * cfg["scale"] + cfg["offset"]
    if cls == "Activation":
        return activation(x, cfg["activation"])
    if cls == "Add":
        return xs[0] + xs[1]
    if cls == "Flatten":
        return x.reshape(x.shape[0], -1)
    if cls in ("Dropout", "InputLayer"):
        return x
    return {"ReLU": relu, "MaxPooling2D": max_pool, "AveragePooling2D": average_pool,
            "GlobalAveragePooling2D": global_average}[cls](x, cfg)


def reference(path, x):
    with h5py.File(path, "r") as f:
        config = json.loads(text(f.attrs["model_config"]))["config"]
        values = {}
        for l in config["layers"]:
            inputs = [values[t[0]] for t in l["inbound_nodes"][0]] if l["inbound_nodes"] else [x.astype(np.float64)]
            values[l["name"]] = layer(l["class_name"], l["config"], weights_of(f["model_weights"], l["name"]), inputs)
        return values[config["output_layers"][0][0]]


# ---- the library ----

class Array(ctypes.Structure):
    _fields_ = [("dtype", ctypes.c_int), ("rank", ctypes.c_uint32), ("dims", ctypes.c_size_t * 6), ("data", ctypes.c_void_p)]


def library_forward(lib, path, x):
    graph = ctypes.c_void_p()
    err = lib.akida_graph_load(path.encode(), ctypes.byref(graph), None)
    if err:
        raise RuntimeError("akida_graph_load: %d" % err)
    a = Array(dtype=5 if x.dtype == np.float32 else 0, rank=x.ndim, data=x.ctypes.data)
    for i, n in enumerate(x.shape):
        a.dims[i] = n
    out = np.empty((x.shape[0], lib.akida_graph_outputs(graph)), np.float32)
    err = lib.akida_graph_forward(graph, ctypes.byref(a), out.ctypes.data_as(ctypes.c_void_p), None)
    lib.akida_graph_destroy(graph)
    if err:
        raise RuntimeError("akida_graph_forward: %d" % err)
    return out


def load_library():
    lib = ctypes.CDLL(os.path.join(BUILD, "lib", "libakida-tools.so"))
    lib.akida_graph_outputs.restype = ctypes.c_size_t
    lib.akida_graph_outputs.argtypes = [ctypes.c_void_p]
    lib.akida_graph_destroy.argtypes = [ctypes.c_void_p]
    lib.akida_graph_forward.argtypes = [ctypes.c_void_p] * 4
    return lib


# ---- comparisons ----

def data(path):
    path = os.path.join(SHARED, "data", path)
    if not os.path.exists(path):
        raise FileNotFoundError(path)
    return path


def vww_images():
    return np.fromfile(data("programs/vww_inputs_5x96x96x3_u8.bin"), np.uint8).reshape(5, 96, 96, 3)


def cifar_images():
    with np.load(data("cifar10/test500.npz")) as z:
        return z["x"]


def ecg_images():
    return np.random.default_rng(7).integers(0, 256, (4, 128, 128, 1), dtype=np.uint8)


def log_mels():
    return np.random.default_rng(8).normal(0, 1, (16, 30, 1, 40)).astype(np.float32)


def no_check(out):
    return None


def vww_logits(out):
    want = [(-1.647, 2.132), (-0.558, 0.688), (0.340, -0.233), (1.126, -0.905), (1.177, -1.033)]
    return None if np.abs(out - want).max() < 1e-3 else "logits differ from the published ones"


def cifar_score(out):
    with np.load(data("cifar10/test500.npz")) as z:
        right = int((out.argmax(axis=1) == z["y"]).sum())
    return None if right == 445 else "%d of 500 right, published: 445" % right


CASES = [
    ("akidanet_vww", "models/akidanet_vww.h5", vww_images, vww_logits),
    ("ecg_cnn", "ecg/cnn_model.h5", ecg_images, no_check),
    ("resnet8_cifar10", "models/mlperf_tiny_resnet8_cifar10.h5", cifar_images, cifar_score),
    ("mobilenet_vww", "models/mlperf_tiny_vww_mobilenetv1_025_96.h5",
     lambda: vww_images().astype(np.float32) / np.float32(255), no_check),
    ("streaming_wakeword", "models/mlperf_tiny_streaming_wakeword.h5", log_mels, no_check),
]


def compare(lib, model, inputs, check):
    x = inputs()
    want = reference(model, x)
    got = library_forward(lib, model, x)
    error = float(np.abs(got - want.reshape(got.shape)).max() / np.abs(want).max())
    if not error <= LIMIT:
        return "relative error %.2e, limit %.0e" % (error, LIMIT)
    return check(got)


def main():
    lib = load_library()
    failed = 0
    for name, model, inputs, check in CASES:
        try:
            why = compare(lib, data(model), inputs, check)
        except FileNotFoundError as e:
            print("skip keras reference %s: %s is not here" % (name, e))
            continue
        failed += why is not None
        print("ok keras reference %s" % name if why is None else "not ok keras reference %s: %s" % (name, why))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
