/* Everything but opencl.h, which needs the OpenCL headers. */
#ifndef OCELLI_OCELLI_H
#define OCELLI_OCELLI_H

#include <ocelli/array.h>
#include <ocelli/data.h>
#include <ocelli/device.h>
#include <ocelli/error.h>
#include <ocelli/graph.h>
#include <ocelli/image.h>
#include <ocelli/nets.h>
#include <ocelli/onnx.h>
#include <ocelli/ops.h>
#include <ocelli/plan.h>
#include <ocelli/preprocess.h>
#include <ocelli/tensor.h>
#include <ocelli/train.h>
#include <ocelli/tune.h>
#include <ocelli/version.h>

#endif
