// Needs more registers than two blocks of 1024 threads leave a thread.
__global__ void __launch_bounds__(1024, 2) mix(float* x) {
  float v[64];
#pragma unroll
  for (int i = 0; i < 64; ++i) v[i] = x[threadIdx.x + 1024 * i];
#pragma unroll
  for (int i = 0; i < 64; ++i)
#pragma unroll
    for (int j = 0; j < 64; ++j) v[i] = v[i] * v[j] + 1;
#pragma unroll
  for (int i = 0; i < 64; ++i) x[threadIdx.x + 1024 * i] = v[i];
}
