/* gap_bwd: a work-group of ROW_GROUP fills one feature map, of which BLOCK lie interleaved. */
__kernel __attribute__((reqd_work_group_size(ROW_GROUP, 1, 1)))
void gap_bwd_ref(__global float *restrict dx, __global const float *restrict dy, int channels,
                 int area EPI_PARAMS)
{
    const size_t row = get_group_id(0);
    const size_t first = row / BLOCK * BLOCK * (size_t)area + row % BLOCK;
    const int c = (int)(row / BLOCK % (size_t)channels);
    const float v = dy[row] / (float)area;
    for (int i = (int)get_local_id(0); i < area; i += ROW_GROUP) {
        const size_t at = first + (size_t)i * BLOCK;
        dx[at] = epi(v, at, c EPI_ARGS);
    }
}
