#pragma once
// Every layer, and what a layer of one's own needs.
#include "batch_norm.h"
#include "builder.h"
#include "composite.h"
#include "conv2d.h"
#include "depthwise_conv2d.h"
#include "dropout.h"
#include "flatten.h"
#include "init.h"
#include "linear.h"
#include "pool.h"
#include "quantized.h"
#include "registry.h"
