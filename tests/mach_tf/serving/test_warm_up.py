from __future__ import annotations

import numpy as np
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from mach_tf.serving import warm_up


def prediction_log_class():
    """The messages of TensorFlow Serving's interface that a warm-up file uses, from their definitions."""
    file = descriptor_pb2.FileDescriptorProto(name="warm_up.proto", package="serving", syntax="proto3")
    file.dependency.append("tensorflow/core/framework/tensor.proto")
    text, message = descriptor_pb2.FieldDescriptorProto.TYPE_STRING, descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE

    def define(name, *fields):
        made = file.message_type.add(name=name)
        for field, number, kind, repeated, type_name in fields:
            made.field.add(name=field, number=number, type=kind, label=3 if repeated else 1, type_name=type_name)
        return made

    define("ModelSpec", ("name", 1, text, False, None), ("signature_name", 3, text, False, None))
    request = define(
        "PredictRequest",
        ("model_spec", 1, message, False, ".serving.ModelSpec"),
        ("inputs", 2, message, True, ".serving.PredictRequest.InputsEntry"),
    )
    entry = request.nested_type.add(name="InputsEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=text, label=1)
    entry.field.add(name="value", number=2, type=message, label=1, type_name=".tensorflow.TensorProto")
    define("PredictLog", ("request", 1, message, False, ".serving.PredictRequest"))
    define("PredictionLog", ("predict_log", 6, message, False, ".serving.PredictLog"))
    pool = descriptor_pool.Default()
    pool.Add(file) if hasattr(pool, "Add") else pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("serving.PredictionLog"))


def test_the_file_holds_the_requests_as_protocol_buffers(tmp_path):
    long = tf.constant(["x" * 1000])
    warm_up.write(
        str(tmp_path), "demo", {"text": {"texts": long, "k": tf.constant(5)}, "sparse": {"k": tf.constant(3)}}
    )
    PredictionLog = prediction_log_class()
    records = [PredictionLog.FromString(each.numpy()) for each in tf.data.TFRecordDataset(str(tmp_path / warm_up.FILE))]
    requests = [record.predict_log.request for record in records]
    assert [(each.model_spec.name, each.model_spec.signature_name) for each in requests] == [
        ("demo", "text"),
        ("demo", "sparse"),
    ]
    np.testing.assert_array_equal(tf.make_ndarray(requests[0].inputs["texts"]), long.numpy())
    assert tf.make_ndarray(requests[0].inputs["k"]) == 5
    assert sorted(requests[1].inputs) == ["k"]
