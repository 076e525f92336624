// Prints what a JSON config may contain: every layer and every setting of a training, with types and defaults, as Markdown.
#include <sixgrad.h>

#include <cstdio>

int main() {
  std::printf("%s\n%s", six::layer_table_markdown().c_str(), six::training_table_markdown().c_str());
  return 0;
}
