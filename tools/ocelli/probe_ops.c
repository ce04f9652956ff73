/* What doctor computes: small problems, written with the public builder, against plain loops in
 * double precision. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "probe.h"

/* ---- Convolution, forward and backward: 2 groups, stride 2 by 1, unequal padding ---- */

enum { CN = 2, CC = 4, CH = 7, CW = 6, CM = 6, CR = 3, CS = 3, CG = 2, COH = 4, COW = 7 };

static void conv2d(struct probe *p)
{
    float *x, *w, *b, *s;
    ocelli_value vx = probe_input(p, OCELLI_SHAPE(CN, CC, CH, CW), &x);
    ocelli_value vw = probe_input(p, OCELLI_SHAPE(CM, CC / CG, CR, CS), &w);
    ocelli_value vb = probe_input(p, OCELLI_SHAPE(CM), &b);
    ocelli_value vs = probe_input(p, OCELLI_SHAPE(CM), &s);
    ocelli_value y = ocelli_conv2d(
        p->g, vx, vw,
        &(struct ocelli_conv2d_params){.stride = {2, 1}, .pad = {1, 2, 1, 1}, .groups = CG});
    ocelli_value act = ocelli_relu(p->g, ocelli_bias(p->g, y, vb));
    ocelli_value grads[2] = {OCELLI_NONE, OCELLI_NONE};
    ocelli_value loss = ocelli_scale(p->g, y, vs);

    if ((p->err = ocelli_graph_status(p->g)) != 0 ||
        (p->err = ocelli_gradients(p->g, loss, (ocelli_value[]){vx, vw}, 2, grads)) != 0)
        return;
    double *want = probe_output(p, act), *dx = probe_output(p, grads[0]),
           *dw = probe_output(p, grads[1]);
    if (!want || !dx || !dw)
        return;

    for (int n = 0, o = 0; n < CN; n++)
        for (int m = 0; m < CM; m++)
            for (int i = 0; i < COH; i++)
                for (int j = 0; j < COW; j++, o++) {
                    double sum = b[m], dy = s[m] / (double)(CN * CM * COH * COW);

                    for (int c = 0; c < CC / CG; c++)
                        for (int r = 0; r < CR * CS; r++) {
                            int h = 2 * i - 1 + r / CS, q = j - 2 + r % CS;
                            int at = ((n * CC + m / (CM / CG) * (CC / CG) + c) * CH + h) * CW + q;
                            int k = (m * (CC / CG) + c) * CR * CS + r;

                            if (h < 0 || h >= CH || q < 0 || q >= CW)
                                continue;
                            sum += (double)x[at] * w[k];
                            dx[at] += dy * w[k];
                            dw[k] += dy * x[at];
                        }
                    want[o] = fmax(sum, 0);
                }
}

/* ---- Pooling, forward and backward: 2 images of 3 channels, 6 x 5, windows of 2 x 3 ---- */

enum { PN = 2, PC = 3, PH = 6, PW = 5, PR = 2, PS = 3, POH = 3, POW = 3 };

static void pool(struct probe *p, enum ocelli_pool_kind kind)
{
    float *x, *s;
    ocelli_value vx = probe_input(p, OCELLI_SHAPE(PN, PC, PH, PW), &x);
    ocelli_value vs = probe_input(p, OCELLI_SHAPE(PC), &s), dv = OCELLI_NONE;
    ocelli_value y =
        ocelli_pool2d(p->g, vx,
                      &(struct ocelli_pool2d_params){
                          .kind = kind, .kernel = {PR, PS}, .stride = {2, 2}, .pad = {0, 1, 0, 1}});

    if ((p->err = ocelli_graph_status(p->g)) != 0)
        return;
    /* No two equal: a maximum's gradient has one place to go. */
    for (int i = 0; i < PN * PC * PH * PW; i++)
        x[i] = (float)(i * 37 % (PN * PC * PH * PW)) * 0.125f - 5.0f;
    if ((p->err = ocelli_gradients(p->g, ocelli_scale(p->g, y, vs), &vx, 1, &dv)) != 0)
        return;
    double *want = probe_output(p, y), *dx = probe_output(p, dv);
    if (!want || !dx)
        return;

    for (int o = 0; o < PN * PC * POH * POW; o++) {
        int plane = o / (POH * POW), i = o / POW % POH, j = o % POW, best = -1, n = 0;
        double dy = s[plane % PC] / (double)(PN * PC * POH * POW), sum = 0;
        int inside[PR * PS];

        for (int r = 0; r < PR * PS; r++) {
            int h = 2 * i + r / PS, q = 2 * j - 1 + r % PS;
            int at = (plane * PH + h) * PW + q;

            if (h >= PH || q < 0 || q >= PW)
                continue;
            inside[n++] = at;
            sum += x[at];
            if (best < 0 || x[at] > x[best])
                best = at;
        }
        want[o] = kind == OCELLI_POOL_MAX ? x[best] : sum / n;
        for (int k = 0; k < n; k++)
            dx[inside[k]] += kind == OCELLI_POOL_AVERAGE ? dy / n : inside[k] == best ? dy : 0;
    }
}

static void pool_max(struct probe *p)
{
    pool(p, OCELLI_POOL_MAX);
}

static void pool_average(struct probe *p)
{
    pool(p, OCELLI_POOL_AVERAGE);
}

/* ---- Global average pooling ---- */

static void gap(struct probe *p)
{
    enum { N = 2, C = 5, A = 7 * 9 };
    float *x;
    ocelli_value vx = probe_input(p, OCELLI_SHAPE(N, C, 7, 9), &x), dv = OCELLI_NONE;
    ocelli_value y = ocelli_gap(p->g, vx);

    if ((p->err = ocelli_graph_status(p->g)) != 0 ||
        (p->err = ocelli_gradients(p->g, y, &vx, 1, &dv)) != 0)
        return;
    double *want = probe_output(p, y), *dx = probe_output(p, dv);
    if (!want || !dx)
        return;
    for (int i = 0; i < N * C * A; i++) {
        want[i / A] += x[i] / (double)A;
        dx[i] = 1.0 / (N * C * A);
    }
}

/* ---- Matrix product: extents that no block size divides ---- */

static void gemm(struct probe *p)
{
    enum { M = 37, N = 29, K = 53 };
    float *a, *b;
    ocelli_value va = probe_input(p, OCELLI_SHAPE(M, K), &a),
                 vb = probe_input(p, OCELLI_SHAPE(N, K), &b);
    ocelli_value y = ocelli_gemm(p->g, va, vb, &(struct ocelli_gemm_params){.trans_b = true});
    double *want = probe_output(p, y);

    if (!want)
        return;
    for (int i = 0; i < M * N; i++)
        for (int k = 0; k < K; k++)
            want[i] += (double)a[i / N * K + k] * b[i % N * K + k];
}

/* ---- Elementwise ---- */

static void elementwise(struct probe *p)
{
    enum { N = 2, C = 3, A = 15 };
    float *x, *z, *s;
    ocelli_value vx = probe_input(p, OCELLI_SHAPE(N, C, 3, 5), &x);
    ocelli_value vz = probe_input(p, OCELLI_SHAPE(N, C, 3, 5), &z);
    ocelli_value vs = probe_input(p, OCELLI_SHAPE(C), &s);
    ocelli_value y = ocelli_add(p->g, ocelli_scale(p->g, vx, vs), vz);
    double *want = probe_output(p, y);

    for (int i = 0; want && i < N * C * A; i++)
        want[i] = (double)x[i] * s[i / A % C] + z[i];
}

static void functions(struct probe *p)
{
    enum { N = 24 };
    float *x;
    ocelli_value vx = probe_input(p, OCELLI_SHAPE(4, 6), &x);
    double *sigmoid = probe_output(p, ocelli_sigmoid(p->g, vx));
    double *scaled = probe_output(
        p,
        ocelli_unary(p->g, vx, &(struct ocelli_unary_params){OCELLI_TANH, 1.7159f, 2.0f / 3.0f}));
    double *relu = probe_output(p, ocelli_relu(p->g, vx));

    if (!sigmoid || !scaled || !relu)
        return;
    for (int i = 0; i < N; i++) {
        sigmoid[i] = 1 / (1 + exp(-(double)x[i]));
        scaled[i] = 1.7159 * tanh(2.0 / 3.0 * x[i]);
        relu[i] = fmax(x[i], 0);
    }
}

/* ---- Softmax, cross-entropy and counting ---- */

static void softmax(struct probe *p)
{
    enum { N = 5, C = 7 };
    float *x;
    int32_t *label;
    ocelli_value vx = probe_input(p, OCELLI_SHAPE(N, C), &x), vl = probe_labels(p, N, C, &label);
    double *prob = probe_output(p, ocelli_softmax(p->g, vx));
    double *loss = probe_output(p, ocelli_softmax_xent(p->g, vx, vl));
    double *hit =
        probe_output(p, ocelli_in_top_k(p->g, vx, vl, &(struct ocelli_in_top_k_params){.k = 3}));

    if (!prob || !loss || !hit)
        return;
    for (int n = 0; n < N; n++) {
        const float *row = x + n * C;
        int l = label[n], above = 0;
        double sum = 0;

        for (int c = 0; c < C; c++)
            sum += exp(row[c]);
        for (int c = 0; c < C; c++) {
            prob[n * C + c] = exp(row[c]) / sum;
            above += row[c] > row[l] || (row[c] == row[l] && c < l);
        }
        loss[n] = log(sum) - row[l];
        hit[n] = above < 3;
    }
}

/* ---- Two steps of softmax regression: products, loss, gradients, SGD with momentum and decay ----
 */

enum { TN = 6, TI = 9, TC = 4 };

/* One step on the host: w, v of TC x TI. */
static void step(const float *x, const int32_t *label, double lr, double *w, double *v)
{
    double g[TC * TI] = {0};

    for (int n = 0; n < TN; n++) {
        double e[TC], sum = 0;

        for (int c = 0; c < TC; c++) {
            double y = 0;
            for (int i = 0; i < TI; i++)
                y += x[n * TI + i] * w[c * TI + i];
            sum += e[c] = exp(y);
        }
        for (int c = 0; c < TC; c++)
            for (int i = 0; i < TI; i++)
                g[c * TI + i] += (e[c] / sum - (c == label[n])) / TN * x[n * TI + i];
    }
    for (int i = 0; i < TC * TI; i++) {
        v[i] = 0.9 * v[i] + g[i] + 0.01 * w[i];
        w[i] -= lr * v[i];
    }
}

static void training(struct probe *p)
{
    float *x;
    int32_t *label;
    ocelli_value vx = probe_input(p, OCELLI_SHAPE(TN, TI), &x),
                 vl = probe_labels(p, TN, TC, &label);
    ocelli_value w = ocelli_weight(p->g, "w", &OCELLI_SHAPE(TC, TI),
                                   &(struct ocelli_init){OCELLI_INIT_CONSTANT, 0.25f, 0, 0});
    ocelli_value y = ocelli_gemm(p->g, vx, w, &(struct ocelli_gemm_params){.trans_b = true});
    ocelli_value loss = ocelli_softmax_xent(p->g, y, vl);
    double v[TC * TI] = {0}, *want;
    struct host *lr = &p->in[p->n_in];

    if ((p->err = ocelli_graph_status(p->g)) != 0 ||
        (p->err = ocelli_optimize(
             p->g, loss,
             &(struct ocelli_optimizer_params){.momentum = 0.9f, .weight_decay = 0.01f})) != 0 ||
        !(want = probe_expect(p, TC * TI, "w", true)) || !(lr->f = calloc(1, sizeof(*lr->f))))
        return;
    snprintf(lr->name, sizeof(lr->name), "lr");
    lr->n = 1;
    lr->f[0] = 0.5f;
    p->n_in++;
    p->runs = 2;
    for (int i = 0; i < TC * TI; i++)
        want[i] = 0.25;
    for (int r = 0; r < p->runs; r++)
        step(x, label, lr->f[0], want, v);
}

const struct probe_entry probes[] = {
    {"conv2d", conv2d},
    {"pool2d max", pool_max},
    {"pool2d average", pool_average},
    {"gap", gap},
    {"gemm", gemm},
    {"scale, add", elementwise},
    {"functions", functions},
    {"softmax, loss", softmax},
    {"training step", training},
    {0},
};
