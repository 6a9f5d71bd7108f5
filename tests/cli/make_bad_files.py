# SPDX-License-Identifier: MIT
"""Writes spoilt copies of a good Keras .h5 and prints one line FILE|DEFECT for each: the table of bad inputs."""
import json
import os
import shutil
import sys

import h5py
import numpy as np

good, folder = sys.argv[1:3]
os.makedirs(folder, exist_ok=True)


def config(f):
    c = f.attrs["model_config"]
    return json.loads(c.decode() if isinstance(c, bytes) else c)


def set_config(f, c):
    f.attrs["model_config"] = np.bytes_(json.dumps(c)) if not isinstance(c, (bytes, str)) else np.bytes_(c)


def layers(c):
    return c["config"]["layers"]


def first(c, cls):
    return next(l for l in layers(c) if l["class_name"] == cls)["config"]


def kernel(f):
    found = []
    f["model_weights"].visititems(
        lambda n, o: found.append(n) if isinstance(o, h5py.Dataset) and n.endswith("kernel:0") else None)
    return f["model_weights"], found[0]


def replace_kernel(f, change):
    g, n = kernel(f)
    a = change(g[n][...])
    del g[n]
    g.create_dataset(n, data=a)


def with_config(change):
    def apply(f):
        c = config(f)
        c = change(c) or c
        set_config(f, c)
    return apply


def set_in(cls, key, value):
    return with_config(lambda c: first(c, cls).__setitem__(key, value))


def spoil(a, v):
    a = a.copy()
    a.flat[0] = v
    return a


def drop(f, name):
    del f.attrs[name]


def input_shape(shape):
    def change(c):
        for l in layers(c):
            for k in ("batch_input_shape", "batch_shape"):
                if k in l["config"]:
                    l["config"][k] = shape
    return with_config(change)


CASES = [
    ("nan_weights", "NaN in a kernel", lambda f: replace_kernel(f, lambda a: spoil(a, np.nan))),
    ("inf_weights", "infinity in a kernel", lambda f: replace_kernel(f, lambda a: spoil(a, np.inf))),
    ("int_weights", "a kernel of 32-bit integers", lambda f: replace_kernel(f, lambda a: a.astype(np.int32))),
    ("text_weights", "a kernel of strings", lambda f: replace_kernel(f, lambda a: np.array([b"x"] * 4))),
    ("flat_weights", "a kernel without its axes", lambda f: replace_kernel(f, lambda a: a.reshape(-1))),
    ("short_weights", "a kernel with a filter too few", lambda f: replace_kernel(f, lambda a: a[..., :-1])),
    ("empty_weights", "a kernel without elements", lambda f: replace_kernel(f, lambda a: a[..., :0])),
    ("no_kernel", "a layer whose kernel is missing", lambda f: kernel(f)[0].__delitem__(kernel(f)[1])),
    ("no_weights", "no weights at all", lambda f: f.__delitem__("model_weights")),
    ("no_config", "no model_config", lambda f: drop(f, "model_config")),
    ("empty_config", "an empty model_config", lambda f: set_config(f, "")),
    ("not_json", "a model_config that is no JSON", lambda f: set_config(f, "{{{")),
    ("deep_json", "a model_config nested 60000 deep", lambda f: set_config(f, "[" * 60000)),
    ("other_json", "a model_config that is a list", lambda f: set_config(f, "[1, 2]")),
    ("no_layers", "a network without layers", with_config(lambda c: c["config"].__setitem__("layers", []))),
    ("subclass", "a model class that is neither Sequential nor Functional",
     with_config(lambda c: c.__setitem__("class_name", "MyModel"))),
    ("unknown_layer", "a layer class nobody knows",
     with_config(lambda c: layers(c)[2].__setitem__("class_name", "QuantumFlux"))),
    ("negative_shape", "a negative input side", input_shape([None, -28, 28, 1])),
    ("zero_shape", "an input of zero size", input_shape([None, 0, 28, 1])),
    ("huge_shape", "an input of 2^31 rows", input_shape([None, 2147483648, 28, 1])),
    ("rank_shape", "an input with nine axes", input_shape([None] + [2] * 9)),
    ("other_shape", "an input the weights do not fit", input_shape([None, 28, 28, 3])),
    ("zero_filters", "a convolution with zero filters", set_in("Conv2D", "filters", 0)),
    ("huge_filters", "a convolution with 2^40 filters", set_in("Conv2D", "filters", 1 << 40)),
    ("zero_kernel", "a kernel of size zero", set_in("Conv2D", "kernel_size", [0, 0])),
    ("zero_stride", "a stride of zero", set_in("Conv2D", "strides", [0, 0])),
    ("bad_padding", "a padding nobody knows", set_in("Conv2D", "padding", "diagonal")),
    ("bad_activation", "an activation nobody knows", set_in("Conv2D", "activation", "wobble")),
    ("text_filters", "filters given as text", set_in("Conv2D", "filters", "many")),
    ("zero_pool", "a pool of size zero", set_in("MaxPooling2D", "pool_size", [0, 0])),
    ("zero_units", "a dense layer without units", set_in("Dense", "units", 0)),
    ("dilated", "a dilated convolution", set_in("Conv2D", "dilation_rate", [3, 3])),
]

for name, defect, change in CASES:
    path = os.path.join(folder, name + ".h5")
    shutil.copy(good, path)
    with h5py.File(path, "r+") as f:
        change(f)
    print(f"{name}.h5|{defect}")
