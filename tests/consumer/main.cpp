// A program outside of the project: it sees sixgrad through <sixgrad.h> alone.
#include <sixgrad.h>

#include <cstdio>

int main() {
  const six::Dataset data = six::load_digits();
  six::Tape tape;
  const six::real x[] = {-1, 3, 7};
  six::Var y = six::sum(six::relu6(tape.input(x, {3}, true)));
  tape.backward(y);
  std::printf("%zu bytes a number, %ld digits, sum of relu6 %g\n", sizeof(six::real), data.train.size(), double(y.item()));
  return data.train.size() == 1437 && y.item() == 9 ? 0 : 1;
}
