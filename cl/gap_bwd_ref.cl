/* gap_bwd: a work-group of ROW_GROUP fills one feature map. */
__kernel __attribute__((reqd_work_group_size(ROW_GROUP, 1, 1)))
void gap_bwd_ref(__global float *restrict dx, __global const float *restrict dy, int channels,
                 int area EPI_PARAMS)
{
    const size_t row = get_group_id(0), first = row * (size_t)area;
    const int c = (int)(row % (size_t)channels);
    const float v = dy[row] / (float)area;
    for (int i = (int)get_local_id(0); i < area; i += ROW_GROUP)
        dx[first + (size_t)i] = epi(v, first + (size_t)i, c EPI_ARGS);
}
