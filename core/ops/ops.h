#pragma once
// Every op the tape can record.
#include "activation.h"
#include "arithmetic.h"
#include "batch_norm.h"
#include "conv.h"
#include "dropout.h"
#include "fake_quantize.h"
#include "loss.h"
#include "materialize.h"
#include "pool.h"
