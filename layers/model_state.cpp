// Weights of a model in and out of files.
#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "../core/error.h"
#include "../data/file.h"
#include "../data/json.h"
#include "model.h"

namespace six {
namespace {

using Tensors = std::vector<Builder::Tensor>;

std::string shape_text(const std::vector<std::int64_t>& shape) { return Json(shape).dump(); }

// `name` under the first renaming that matches it, whole components only.
std::string renamed(const std::string& name, const LoadOptions& options) {
  for (const auto& [from, to] : options.renamings) {
    const bool whole = name == from, begins = from.empty() || name.starts_with(from + '.');
    if (!whole && !begins) continue;
    const std::string rest = whole ? "" : from.empty() ? name : name.substr(from.size() + 1);
    return rest.empty() ? to : to.empty() ? rest : to + '.' + rest;
  }
  return name;
}

// Tensors of a file by the names they are known by here.
class FoundTensors {
 public:
  FoundTensors(const std::vector<SavedTensor>& tensors, const LoadOptions& options) {
    for (const SavedTensor& t : tensors) {
      const auto [at, fresh] = found_.emplace(renamed(t.name, options), &t);
      if (!fresh)
        fail("tensors ", printable(at->second->name), " and ", printable(t.name), " would both be ", printable(at->first));
    }
  }

  // The numbers of tensor `t` in its file's order; empty if it is not there or not fit, which is noted.
  std::vector<real> take(const Builder::Tensor& t, const std::string& prefix) {
    const auto at = found_.find(prefix + t.name);
    if (at == found_.end()) {
      if (!t.counter) missing_ += ' ' + t.name;
      return {};
    }
    const SavedTensor& saved = *at->second;
    found_.erase(at);
    try {
      if (t.counter) {
        constexpr std::int64_t kMost = std::int64_t(1)
                                       << 53;  // far from where a count in `real` could not be an integer of 64 bits
        const std::int64_t count = load_counter(saved);
        require(count >= 0 && count <= kMost, printable(t.name), " counts ", count, ", must be from 0 to ", kMost);
        return {real(count)};
      }
      if (saved.shape == t.layout.file) return load_reals(saved);
      misshapen_ += ' ' + t.name + ' ' + shape_text(saved.shape) + " instead of " + shape_text(t.layout.file);
    } catch (const Error& e) {
      misshapen_ += ' ' + std::string(e.what());
    }
    return {};
  }

  void report(bool strict) const {
    std::string unexpected, text;
    for (const auto& [name, tensor] : found_) unexpected += ' ' + printable(tensor->name);
    const auto list = [&](const char* what, const std::string& names) {
      constexpr std::size_t kShown = 200;  // of another net's names, the first are enough
      if (names.empty()) return;
      text += (text.empty() ? "" : "; ") + std::string(what) + names.substr(0, names.find(' ', kShown));
      if (names.find(' ', kShown) != names.npos) text += " ...";
    };
    if (strict) list("missing:", missing_), list("unexpected:", unexpected);
    list("of another shape or type:", misshapen_);
    if (strict && !missing_.empty() && !unexpected.empty()) text += " (LoadOptions::renamings can translate names)";
    if (!text.empty()) fail("the tensors do not fit the model: ", text);
  }

 private:
  std::map<std::string, const SavedTensor*> found_;
  std::string missing_, misshapen_;
};

std::vector<std::vector<real>> take_all(FoundTensors& found, const Tensors& tensors, const std::string& prefix = "") {
  std::vector<std::vector<real>> values;
  for (const Builder::Tensor& t : tensors) values.push_back(found.take(t, prefix));
  return values;
}

// `at(i)`: where tensor i lies in memory.
template <class At>
void put_tensors(const Tensors& tensors, const std::vector<std::vector<real>>& values, At&& at) {
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (!values[i].empty()) tensors[i].layout.from_file(values[i], at(int(i)));
}
template <class At>
void save_all(std::vector<SavedTensor>& to, const Tensors& tensors, const std::string& prefix, At&& at) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Builder::Tensor& t = tensors[i];
    to.push_back(t.counter ? save_counter(prefix + t.name, std::llround(*at(int(i))))
                           : save_reals(prefix + t.name, t.layout.file, t.layout.to_file(at(int(i)))));
  }
}

}  // namespace

std::vector<SavedTensor> Model::state(const real* values, const real* buffers) const {
  const ParamSet& p = params();
  std::vector<SavedTensor> tensors;
  save_all(tensors, built().params, "", [&](int i) { return values + (p.value(i) - p.values()); });
  save_all(tensors, built().buffers, "", [&](int i) { return buffers + (p.buffer(i) - p.buffer_values()); });
  return tensors;
}

Model::Slabs Model::read_state(const std::vector<SavedTensor>& tensors, const LoadOptions& options) const {
  const ParamSet& p = params();
  FoundTensors found(tensors, options);
  const auto params = take_all(found, built().params), buffers = take_all(found, built().buffers);
  found.report(options.strict);
  Slabs slabs{{p.values(), p.values() + p.size()}, {p.buffer_values(), p.buffer_values() + p.buffer_size()}};
  put_tensors(built().params, params, [&](int i) { return slabs.values.data() + (p.value(i) - p.values()); });
  put_tensors(built().buffers, buffers, [&](int i) { return slabs.buffers.data() + (p.buffer(i) - p.buffer_values()); });
  return slabs;
}

void Model::set_state(const std::vector<SavedTensor>& tensors, const LoadOptions& options) {
  const Slabs slabs = read_state(tensors, options);
  std::copy(slabs.values.begin(), slabs.values.end(), params().values());
  std::copy(slabs.buffers.begin(), slabs.buffers.end(), params().buffer_values());
}

std::vector<SavedTensor> Model::slab_state(const real* slab, const std::string& prefix) const {
  std::vector<SavedTensor> tensors;
  save_all(tensors, built().params, prefix, [&](int i) { return slab + params().params()[std::size_t(i)].offset; });
  return tensors;
}

void Model::set_slab_state(const std::vector<SavedTensor>& tensors, real* slab, const std::string& prefix) const {
  std::vector<SavedTensor> own;
  for (const SavedTensor& t : tensors)
    if (t.name.starts_with(prefix)) own.push_back(t);
  FoundTensors found(own, {});
  const auto values = take_all(found, built().params, prefix);
  found.report(true);
  put_tensors(built().params, values, [&](int i) { return slab + params().params()[std::size_t(i)].offset; });
}

void Model::save(const std::string& path) const {
  Safetensors file;
  file.tensors = state();
  file.metadata = {{"format", "pt"}, {"sixgrad.version", SIX_VERSION}, {"sixgrad.model", text_of(config())}};
  write_safetensors(path, file, Checksum::required);
}

void Model::load_weights(const std::string& path, const LoadOptions& options) {
  const Safetensors file = read_safetensors(path);
  in_context(path, [&] { set_state(file.tensors, options); });
}

}  // namespace six
