#pragma once
#include "isa.h"

namespace six {
inline namespace SIX_ISA {

template <class T>
struct TypeTag {
  using type = T;
};

// A list of types: what is generated per op (table entries, layers, tests) is generated from one of these.
template <class... T>
struct TypeList {
  static constexpr int count = sizeof...(T);

  // Position of U in the list, -1 if it is not there.
  template <class U>
  static constexpr int index_of() {
    int found = -1, i = 0;
    ((__is_same(T, U) ? void(found = i++) : void(i++)), ...);
    return found;
  }

  // Calls visit(TypeTag<T>{}) for each T in order: `[](auto tag) { using Op = typename decltype(tag)::type; ... }`.
  template <class Visit>
  static constexpr void for_each(Visit&& visit) {
    (visit(TypeTag<T>{}), ...);
  }
};

}  // namespace SIX_ISA
}  // namespace six
