#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "layer.h"

namespace six {

// The layers a JSON model can name, one prototype each.
class Registry {
 public:
  // Adds a layer, or a pointwise formula. Throws if its type is taken. Not while other threads read models.
  template <class L>
  void add() {
    add(AnyLayer(L{}));
  }
  void add(AnyLayer prototype);
  // The layer of an object {"type": ..., settings}. Throws if the type is unknown, offering the nearest.
  AnyLayer make(const Json& object) const;
  const std::vector<AnyLayer>& prototypes() const { return prototypes_; }

 private:
  std::vector<AnyLayer> prototypes_;
};

// The registry of this program, with every layer of the library to begin with.
Registry& registry();

// The layers and their keys as a Markdown table.
std::string layer_table_markdown();

}  // namespace six
