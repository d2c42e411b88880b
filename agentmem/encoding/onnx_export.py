"""Builds an ONNX graph straight from safetensors weights, without PyTorch: one text in, one unit vector out.

Why not `torch.onnx.export`: it needs PyTorch and transformers imported (seconds) and yields a traced graph that has to
be fused again; a BERT encoder is twenty operators, written down here. The graph takes the tokens of a single text, so
it needs no padding and no attention mask, and the vector is a function of the text alone.

Precision "fp32" uses standard operators only. "int8" quantises the weights of each output channel to [-127, 127] and
lets ONNX Runtime quantise the activations of this one text as it runs (operator com.microsoft.DynamicQuantizeMatMul).

What was measured, not guessed. LayerNormalization as a plain operator is eight times faster on a CPU than ONNX
Runtime's fused SkipLayerNormalization, hence sessions must not optimise beyond the basic level. Of int8, mean cosine to
fp32 over 2,760 turns of conversation: one scale a matrix .954; one a channel .9925, as fast; each token also brought to
a maximum of one within the feed-forward layer, where a few tokens have huge activations, .9957; inputs also balanced
against weights as in SmoothQuant (Xiao et al. 2023) .9969, both together for a twentieth of the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from agentmem.encoding.model_recipe import LARGEST_WEIGHTS, NotExportableError, Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    Array = npt.NDArray[Any]

Precision = Literal["fp32", "int8"]
EXPORT_VERSION = 3  # part of the key of every exported file: raise it when the graph changes
OPSET, IR = 20, 9  # the oldest that have GELU as an operator; ONNX Runtime >= 1.18 reads them
EMBEDDINGS_NORM = "embeddings.LayerNorm"
CONTRIB = "com.microsoft"
BALANCE = 0.7  # SmoothQuant's alpha: how far large inputs are moved into the weights; .5 to 1 measured, .7 best
SPREAD = 3.0  # standard deviations that an input is taken to reach: normalised values times scale plus shift
LEAST_MAXIMUM = 0.2  # no GELU goes below -0.17: a token without larger values is scaled by this instead
PREFIXES = ("", "bert.", "roberta.", "model.", "0.auto_model.")


def build(folder: Path, recipe: Recipe, precision: Precision) -> bytes:
    """Return the ONNX file of the model in `folder`: int64 `input_ids` (1, tokens) to float32 `vector` (1, dim).

    Raises NotExportableError where the weights are not one safetensors file of the expected names and types.
    """
    graph = _Graph(_weights(folder), precision)
    x = graph.embeddings(recipe)
    norm = EMBEDDINGS_NORM
    for layer in range(recipe.layers):
        x, norm = graph.layer(x, norm, f"encoder.layer.{layer}.", recipe)
    graph.pool(x, recipe)
    return graph.serialise(recipe.dim)


def _weights(folder: Path) -> Mapping[str, Array]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = folder / "model.safetensors"
    if not path.is_file():
        raise NotExportableError("its weights are not one model.safetensors")
    if path.stat().st_size > LARGEST_WEIGHTS:
        raise NotExportableError("its weights are too large for one ONNX file")
    try:
        weights = load_file(path)
    except (SafetensorError, TypeError, KeyError) as error:
        raise NotExportableError(f"its weights cannot be read as arrays ({error})") from error
    for prefix in PREFIXES:
        if f"{prefix}embeddings.word_embeddings.weight" in weights:
            return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
    raise NotExportableError("its weights have other names than BERT's")


class _Graph:
    """Nodes and constants as they are added; every method returns the name of what it computes."""

    def __init__(self, weights: Mapping[str, Array], precision: Precision) -> None:
        self.weights = weights
        self.precision = precision
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def weight(self, name: str) -> Array:
        try:
            return self.weights[name].astype(np.float32, copy=False)
        except KeyError as error:
            raise NotExportableError(f"its weights lack {name}") from error

    def constant(self, value: Array | float | list[int]) -> str:
        from onnx import numpy_helper

        array = value if isinstance(value, np.ndarray) else np.asarray(value)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def op(self, kind: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any) -> list[str]:
        from onnx import helper

        made = [f"{kind}_{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), made, name=made[0], domain=domain, **attributes))
        return made

    def embeddings(self, recipe: Recipe) -> str:
        words = self.weight("embeddings.word_embeddings.weight")
        positions = self.weight("embeddings.position_embeddings.weight")[recipe.position_offset :]
        # A single text is all of segment 0, so that the segment's vector is a constant of every position.
        positions = positions[: recipe.max_tokens] + self.weight("embeddings.token_type_embeddings.weight")[0]
        if words.shape[1] != recipe.dim:
            raise NotExportableError("its word vectors are of another size than its layers")
        if self.precision == "int8":
            # The table is most of the file and only copied from: half precision halves what a cold start must read.
            rows = self.op("Gather", self.constant(words.astype(np.float16)), "input_ids")[0]
            rows = self.op("Cast", rows, to=1)[0]
        else:
            rows = self.op("Gather", self.constant(words), "input_ids")[0]
        tokens = self.op("Shape", "input_ids", start=1, end=2)[0]
        places = self.op("Slice", self.constant(positions), self.constant([0]), tokens)[0]
        return self.normalised(rows, places, EMBEDDINGS_NORM, recipe)

    def layer(self, x: str, norm: str, at: str, recipe: Recipe) -> tuple[str, str]:
        """Return the layer's output and the name of the normalisation it came from; `norm` is that of its input `x`."""
        attended = self.linear(self.attention(x, norm, at, recipe), *self.pair(f"{at}attention.output.dense"))
        norm = f"{at}attention.output.LayerNorm"
        x = self.normalised(x, attended, norm, recipe)
        inner = self.linear_after(norm, x, *self.pair(f"{at}intermediate.dense"))
        if recipe.activation == "relu":
            inner = self.op("Relu", inner)[0]
        else:
            inner = self.op("Gelu", inner, approximate=recipe.activation)[0]
        outer = self.linear_by_token(inner, *self.pair(f"{at}output.dense"))
        norm = f"{at}output.LayerNorm"
        return self.normalised(x, outer, norm, recipe), norm

    def attention(self, x: str, norm: str, at: str, recipe: Recipe) -> str:
        size = recipe.dim // recipe.heads
        parts = [self.pair(f"{at}attention.self.{name}") for name in ("query", "key", "value")]
        # softmax(QK'/sqrt(size))V (Vaswani et al. 2017), with the root folded into the queries' weights.
        scales = np.float32(size**-0.5), np.float32(1), np.float32(1)
        weight = np.concatenate([w * s for (w, _), s in zip(parts, scales, strict=True)])
        bias = np.concatenate([b * s for (_, b), s in zip(parts, scales, strict=True)])
        joint = self.linear_after(norm, x, weight, bias)
        joint = self.op("Reshape", joint, self.constant([-1, 3, recipe.heads, size]))[0]
        by_head = self.op("Transpose", joint, perm=[1, 2, 0, 3])[0]
        queries, keys, values = self.op("Split", by_head, outputs=3, axis=0, num_outputs=3)
        scores = self.op("MatMul", queries, self.op("Transpose", keys, perm=[0, 1, 3, 2])[0])[0]
        mixed = self.op("MatMul", self.op("Softmax", scores, axis=-1)[0], values)[0]
        by_token = self.op("Transpose", mixed, perm=[0, 2, 1, 3])[0]
        return self.op("Reshape", by_token, self.constant([1, -1, recipe.dim]))[0]

    def pair(self, name: str) -> tuple[Array, Array]:
        return self.weight(f"{name}.weight"), self.weight(f"{name}.bias")

    def linear_after(self, norm: str, x: str, weight: Array, bias: Array) -> str:
        """As `linear`, with the inputs' sizes balanced against the weights' before both are quantised.

        Input j is divided, and its weights multiplied, by reach_j^a / max_i |weight_ij|^(1-a). How far an input reaches
        needs no example texts: it comes from a normalisation, whose scale and shift say it.
        """
        if self.precision == "fp32":
            return self.linear(x, weight, bias)
        scale, shift = self.pair(norm)
        reach = np.maximum(np.abs(shift) + SPREAD * np.abs(scale), 1e-6)
        factors = reach**BALANCE / np.maximum(np.abs(weight).max(0), 1e-6) ** (1 - BALANCE)
        factors = (factors / np.exp(np.log(factors).mean())).astype(np.float32)
        return self.linear(self.op("Mul", x, self.constant(1 / factors))[0], weight * factors, bias)

    def linear_by_token(self, x: str, weight: Array, bias: Array) -> str:
        """As `linear`, with the largest activation of each token brought to one before it is quantised."""
        if self.precision == "fp32":
            return self.linear(x, weight, bias)
        largest = self.op("ReduceMax", x, self.constant([-1]), keepdims=1)[0]
        largest = self.op("Max", largest, self.constant(LEAST_MAXIMUM))[0]
        product = self.quantised(self.op("Div", x, largest)[0], weight)
        return self.op("Add", self.op("Mul", product, largest)[0], self.constant(bias))[0]

    def linear(self, x: str, weight: Array, bias: Array) -> str:
        """`weight` is (outputs, inputs), as PyTorch keeps it."""
        if self.precision == "int8":
            return self.quantised(x, weight, bias)
        return self.op("Add", self.op("MatMul", x, self.constant(weight.T))[0], self.constant(bias))[0]

    def quantised(self, x: str, weight: Array, *bias: Array) -> str:
        scales = np.maximum(np.abs(weight).max(1), np.float32(1e-12)) / np.float32(127)
        steps = np.rint(weight / scales[:, None]).astype(np.int8)
        zeros = np.zeros(len(weight), np.int8)
        constants = (self.constant(c) for c in (steps.T, scales.astype(np.float32), zeros, *bias))
        return self.op("DynamicQuantizeMatMul", x, *constants, domain=CONTRIB)[0]

    def normalised(self, x: str, y: str, name: str, recipe: Recipe) -> str:
        total = self.op("Add", x, y)[0]
        scale, shift = self.pair(name)
        constants = self.constant(scale), self.constant(shift)
        return self.op("LayerNormalization", total, *constants, axis=-1, epsilon=recipe.epsilon)[0]

    def pool(self, x: str, recipe: Recipe) -> None:
        from onnx import helper

        if recipe.pooling == "cls":
            pooled = self.op("Gather", x, self.constant(np.array(0, np.int64)), axis=1)[0]
        else:
            kind = "ReduceMean" if recipe.pooling == "mean" else "ReduceMax"
            pooled = self.op(kind, x, self.constant([1]), keepdims=0)[0]
        self.nodes.append(helper.make_node("LpNormalization", [pooled], ["vector"], name="vector", axis=-1, p=2))

    def serialise(self, dim: int) -> bytes:
        from onnx import TensorProto, helper

        graph = helper.make_graph(
            self.nodes,
            "sentence_encoder",
            [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])],
            [helper.make_tensor_value_info("vector", TensorProto.FLOAT, [1, dim])],
            self.constants,
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR, producer_name="agentmem")
        return bytes(model.SerializeToString())
