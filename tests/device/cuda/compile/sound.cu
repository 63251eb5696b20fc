// Compiles without a word.
__global__ void scale(float* x, float by) {
  x[threadIdx.x] *= by;
}
