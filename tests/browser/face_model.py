"""Makes the face detector that the component loads, a TensorFlow.js model, from a TensorFlow Lite model.

    python face_model.py face_detection_short_range.tflite OUT_DIRECTORY

The TensorFlow Lite model is in the npm package `@mediapipe/face_detection` (Apache-2.0), a dependency of the component.
The component evaluates the tensor `Identity` of shape [1, 896, 17]: a logit and 16 coordinates for each of 896 anchors.
The TensorFlow Lite model returns the two parts as separate tensors, which the last node joins.
"""

import base64
import json
import sys
from pathlib import Path

import numpy as np
import tflite
from tflite import BuiltinOperator as Op

FLOAT, INT = {"type": "DT_FLOAT"}, {"type": "DT_INT32"}
RELU = tflite.ActivationFunctionType.RELU
NUMPY_TYPES = {tflite.TensorType.FLOAT32: "<f4", tflite.TensorType.FLOAT16: "<f2", tflite.TensorType.INT32: "<i4"}
# The class of the options, and the operation of TensorFlow.
POOL_AND_CONVOLUTION = {
    Op.CONV_2D: (tflite.Conv2DOptions, "Conv2D"),
    Op.DEPTHWISE_CONV_2D: (tflite.DepthwiseConv2DOptions, "DepthwiseConv2dNative"),
    Op.MAX_POOL_2D: (tflite.Pool2DOptions, "MaxPool"),
}


def word(text: str) -> dict:
    """Returns a text attribute."""
    return {"s": base64.b64encode(text.encode()).decode()}


def ints(*numbers: int) -> dict:
    """Returns an attribute that is a list of integers."""
    return {"list": {"i": [str(number) for number in numbers]}}


class Converter:
    """The nodes and the weights of the TensorFlow.js model so far."""

    def __init__(self, content: bytes):
        self.model = tflite.Model.GetRootAs(content)
        self.graph = self.model.Subgraphs(0)
        self.nodes, self.weights, self.data = [], [], b""
        # The names of the nodes and the constants, by the index of the tensor.
        self.names, self.constants = {}, {}

    def convert(self) -> dict:
        """Returns the content of model.json."""
        [source] = self.graph.InputsAsNumpy()
        shape = {"dim": [{"size": str(size)} for size in self.graph.Tensors(source).ShapeAsNumpy()]}
        self.nodes.append({"name": "input", "op": "Placeholder", "attr": {"dtype": FLOAT, "shape": {"shape": shape}}})
        self.names[source] = "input"
        for index in range(self.graph.OperatorsLength()):
            self._operator(self.graph.Operators(index))
        regressors, classificators = (self.names[index] for index in self.graph.OutputsAsNumpy())
        self._concat("Identity", [classificators, regressors], axis=2)
        return {
            "format": "graph-model",
            "modelTopology": {"node": self.nodes, "library": {}, "versions": {"producer": 440}},
            "weightsManifest": [{"paths": ["weights.bin"], "weights": self.weights}],
        }

    def _operator(self, operator: tflite.Operator) -> None:
        code = self.model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()
        sources, target = operator.InputsAsNumpy(), operator.Outputs(0)
        tensor = self.graph.Tensors(target)
        name = tensor.Name().decode().replace(":", "_").replace(";", "_")
        inputs = [self.names.get(index) for index in sources]
        if code == Op.DEQUANTIZE:  # weights of 16 bits
            self.constants[target] = self._constant_of(sources[0]).astype("<f4")
            return
        self.names[target] = name
        if code in POOL_AND_CONVOLUTION:
            self._convolve(code, operator, name, inputs[0], sources)
        elif code == Op.ADD:
            self._node(name, "AddV2", inputs)
        elif code == Op.RELU:
            self._node(name, "Relu", inputs)
        elif code == Op.PAD:
            paddings = self._weight(f"{name}/paddings", self._constant_of(sources[1]))
            self._node(name, "Pad", [inputs[0], paddings], Tpaddings=INT)
        elif code == Op.RESHAPE:
            shape = self._weight(f"{name}/shape", tensor.ShapeAsNumpy().astype("<i4"))
            self._node(name, "Reshape", [inputs[0], shape], Tshape=INT)
        elif code == Op.CONCATENATION:
            self._concat(name, inputs, self._options(operator, tflite.ConcatenationOptions).Axis())
        else:
            raise ValueError(f"{name}: operator {code} is unknown")

    def _convolve(self, code: int, operator: tflite.Operator, name: str, source: str, sources: np.ndarray) -> None:
        kind, op = POOL_AND_CONVOLUTION[code]
        options = self._options(operator, kind)
        attributes = {
            "padding": word("SAME" if options.Padding() == tflite.Padding.SAME else "VALID"),
            "strides": ints(1, options.StrideH(), options.StrideW(), 1),
            "data_format": word("NHWC"),
        }
        rectified = options.FusedActivationFunction() == RELU
        output = f"{name}/linear" if rectified else name
        if code == Op.MAX_POOL_2D:
            size = ints(1, options.FilterHeight(), options.FilterWidth(), 1)
            self._node(output, op, [source], ksize=size, **attributes)
        else:
            # From OHWI to HWIO, or from 1HWC to HWC1.
            kernel = self._weight(f"{name}/kernel", self._constant_of(sources[1]).transpose(1, 2, 3, 0))
            self._node(f"{name}/product", op, [source, kernel], dilations=ints(1, 1, 1, 1), **attributes)
            bias = self._weight(f"{name}/bias", self._constant_of(sources[2]))
            self._node(output, "BiasAdd", [f"{name}/product", bias], data_format=word("NHWC"))
        if rectified:
            self._node(name, "Relu", [output])

    def _concat(self, name: str, inputs: list[str], axis: int) -> None:
        last = self._weight(f"{name}/axis", np.array(axis, "<i4"))
        self._node(name, "ConcatV2", [*inputs, last], N={"i": str(len(inputs))}, Tidx=INT)

    def _node(self, name: str, op: str, inputs: list[str], **attributes: dict) -> None:
        self.nodes.append({"name": name, "op": op, "input": inputs, "attr": {"T": FLOAT, **attributes}})

    def _weight(self, name: str, values: np.ndarray) -> str:
        is_float = values.dtype.kind == "f"
        self.nodes.append({"name": name, "op": "Const", "attr": {"dtype": FLOAT if is_float else INT}})
        values = np.ascontiguousarray(values, "<f4" if is_float else "<i4").reshape(values.shape)
        self.weights.append({"name": name, "shape": values.shape, "dtype": "float32" if is_float else "int32"})
        self.data += values.tobytes()
        return name

    def _constant_of(self, index: int) -> np.ndarray:
        if index not in self.constants:
            tensor = self.graph.Tensors(index)
            content = self.model.Buffers(tensor.Buffer()).DataAsNumpy()
            self.constants[index] = content.view(NUMPY_TYPES[tensor.Type()]).reshape(tensor.ShapeAsNumpy())
        return self.constants[index]

    @staticmethod
    def _options(operator: tflite.Operator, kind: type):
        table, options = operator.BuiltinOptions(), kind()
        options.Init(table.Bytes, table.Pos)
        return options


def main() -> None:
    source, target = map(Path, sys.argv[1:])
    converter = Converter(source.read_bytes())
    model = converter.convert()
    target.mkdir(parents=True, exist_ok=True)
    (target / "model.json").write_text(json.dumps(model))
    (target / "weights.bin").write_bytes(converter.data)


main()
