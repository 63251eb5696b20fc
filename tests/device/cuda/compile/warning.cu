// Holds a variable that is set and never used.
__global__ void scale(float* x, float by) {
  const float unused = by * 2;
  x[threadIdx.x] *= by;
}
