#include "dispatch.h"

#include <cstdlib>

#include "../error.h"

namespace six::kernels {

namespace baseline {
extern const Table table;
extern const Int8Table int8_table;
}  // namespace baseline
#ifdef SIX_HAVE_V3
namespace v3 {
extern const Table table;
extern const Int8Table int8_table;
}  // namespace v3
#endif
#ifdef SIX_HAVE_V4
namespace v4 {
extern const Table table;
extern const Int8Table int8_table, int8_vnni_table;
}  // namespace v4
#endif

const std::vector<const Table*>& tables() {
  static const std::vector<const Table*> all = [] {
    std::vector<const Table*> list{&baseline::table};
#ifdef SIX_HAVE_V3
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
      list.push_back(&v3::table);
#endif
#ifdef SIX_HAVE_V4
    if (list.size() == 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd"))
      list.push_back(&v4::table);
#endif
    return list;
  }();
  return all;
}

const std::vector<const Int8Table*>& int8_tables() {
  static const std::vector<const Int8Table*> all = [] {
    std::vector<const Int8Table*> list{&baseline::int8_table};
#ifdef SIX_HAVE_V3
    if (tables().size() > 1) list.push_back(&v3::int8_table);
#endif
#ifdef SIX_HAVE_V4
    if (tables().size() > 2) list.push_back(&v4::int8_table);
    if (tables().size() > 2 && __builtin_cpu_supports("avx512vnni")) list.push_back(&v4::int8_vnni_table);
#endif
    return list;
  }();
  return all;
}

const Table& table() {
  static const Table* chosen = [] {
    const char* name = std::getenv("SIX_ISA");
    if (!name || !*name) return tables().back();
    std::string known;
    for (const Table* t : tables()) {
      if (std::string(name) == t->isa) return t;
      known += (known.empty() ? "" : ", ") + std::string(t->isa);
    }
    fail("SIX_ISA: this machine cannot run \"", name, "\"; it can run ", known);
  }();
  return *chosen;
}

}  // namespace six::kernels

namespace six {

std::string cpu_features() {
  std::string text = kernels::table().isa;
  text += " (" + std::to_string(kernels::table().lanes) + " lanes); available:";
  for (const kernels::Table* t : kernels::tables()) text += std::string(" ") + t->isa;
  return text;
}

}  // namespace six
