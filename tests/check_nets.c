/* The networks: their numbers of weights, and that each can be planned, predicting and training. */
#include "test.h"

#include <string.h>

#include <ocelli/nets.h>
#include <ocelli/ops.h>
#include <ocelli/plan.h>

#include "base/mem.h"
#include "ops/graph.h"

static struct ocelli_device *null;

static void open_device(void)
{
    assert_ok(ocelli_device_open(&null, &(struct ocelli_device_params){.device = "null"}));
}

static void close_device(void)
{
    ocelli_device_close(&null);
}

/* What the papers and torchvision count; training with the auxiliary classifiers. */
static const struct {
    const char *name;
    int64_t weights, training; /* 0: the same */
    int size, classes;
} nets[] = {
    {"lenet5", 61706, 0, 28, 10},
    {"lenet5-1998", 60850, 0, 28, 10},
    {"alexnet", 60965224, 0, 227, 1000},
    {"alexnet-one-column", 61100840, 0, 224, 1000},
    {"alexnet-small", 1463690, 0, 32, 10},
    {"vgg11", 132863336, 0, 224, 1000},
    {"vgg13", 133047848, 0, 224, 1000},
    {"vgg16", 138357544, 0, 224, 1000},
    {"vgg16c", 133638952, 0, 224, 1000},
    {"vgg19", 143667240, 0, 224, 1000},
    {"vgg11-bn", 132866088, 0, 224, 1000},
    {"vgg13-bn", 133050792, 0, 224, 1000},
    {"vgg16-bn", 138361768, 0, 224, 1000},
    {"vgg19-bn", 143672744, 0, 224, 1000},
    {"vgg-small", 880362, 0, 32, 10},
    {"nin", 7595176, 0, 224, 1000},
    {"nin-cifar", 966986, 0, 32, 10},
    {"googlenet", 6998552, 13378280, 224, 1000},
    {"googlenet-small", 814554, 0, 32, 10},
    {"inception-v2", 11285224, 0, 224, 1000},
    {"inception-v3", 23834568, 27161264, 299, 1000},
    {"mobilenet", 4231976, 0, 224, 1000},
    {"resnet18", 11689512, 0, 224, 1000},
    {"resnet34", 21797672, 0, 224, 1000},
    {"resnet50", 25557032, 0, 224, 1000},
    {"resnet101", 44549160, 0, 224, 1000},
    {"resnet152", 60192808, 0, 224, 1000},
    {"resnet20", 269722, 0, 32, 10},
    {"resnet32", 464154, 0, 32, 10},
    {"resnet44", 658586, 0, 32, 10},
    {"resnet56", 853018, 0, 32, 10},
    {"resnet110", 1727962, 0, 32, 10},
};
#define N_NETS ((int)COUNT(nets))

START_TEST(weights)
{
    for (int training = 0; training < 2; training++) {
        struct ocelli_graph *g;
        const struct ocelli_net_params p = {.training = training};
        int64_t want = training && nets[_i].training ? nets[_i].training : nets[_i].weights;
        assert_ok(ocelli_net(&g, nets[_i].name, &p));
        ck_assert_msg(ocelli_graph_parameters(g) == want, "%s: %lld weights", nets[_i].name,
                      (long long)ocelli_graph_parameters(g));
        struct ocelli_shape x = ocelli_value_shape(g, ocelli_find(g, "image"));
        struct ocelli_shape y = ocelli_value_shape(g, ocelli_find(g, "logits"));
        ck_assert_int_eq(x.dim[2], nets[_i].size);
        ck_assert_int_eq(x.dim[3], nets[_i].size);
        ck_assert(y.rank == 2 && y.dim[0] == 1 && y.dim[1] == nets[_i].classes);
        bool aux = ocelli_find(g, "aux1") != OCELLI_NONE;
        ck_assert_int_eq(aux, training && nets[_i].training > 0);
        ocelli_graph_destroy(&g);
    }
}
END_TEST

START_TEST(all_are_there)
{
    ck_assert_str_eq(ocelli_net_name(_i), nets[_i].name);
    ck_assert_ptr_null(ocelli_net_name(N_NETS));
    ck_assert_ptr_null(ocelli_net_name(-1));
}
END_TEST

/* The smallest image that a network takes; one smaller and it says so. */
START_TEST(smallest_image)
{
    struct ocelli_graph *g = NULL;
    int size = nets[_i].size;
    while (size > 1 && ocelli_net(&g, nets[_i].name,
                                  &(struct ocelli_net_params){.height = size - 1,
                                                              .width = size - 1}) == 0) {
        ocelli_graph_destroy(&g);
        size--;
    }
    ck_assert_ptr_null(g);
    ck_assert_msg(strstr(ocelli_error(), "too small"), "%s, %dx%d: %s", nets[_i].name, size - 1,
                  size - 1, ocelli_error());
}
END_TEST

/* Predicting: every normalisation is folded. Training: every weight gets its step. */
START_TEST(plans)
{
    struct ocelli_graph *g;
    struct ocelli_plan *p;
    struct ocelli_step s;
    int steps = 0, updated = 0;
    assert_ok(ocelli_net(&g, nets[_i].name, NULL));
    assert_ok(ocelli_plan_create(&p, null, g, NULL));
    for (int i = 0; i < ocelli_plan_steps(p); i++) {
        assert_ok(ocelli_plan_step(p, i, &s));
        ck_assert_str_ne(s.op, "batchnorm");
        steps += !s.once;
    }
    ck_assert_int_gt(steps, 5);
    ocelli_plan_destroy(&p);
    ocelli_graph_destroy(&g);

    int trained = 0;
    assert_ok(ocelli_net(&g, nets[_i].name, &(struct ocelli_net_params){.training = true}));
    assert_ok(ocelli_optimize(g, ocelli_net_loss(g), NULL));
    for (int v = 0; v < g->g.n_values; v++)
        trained += g->g.value[v].kind == VALUE_WEIGHT;
    assert_ok(ocelli_plan_create(&p, null, g, NULL));
    for (int i = 0; i < ocelli_plan_steps(p); i++) {
        assert_ok(ocelli_plan_step(p, i, &s));
        updated += strcmp(s.op, "sgd") == 0 || strcmp(s.op, "gemm_sgd") == 0;
    }
    ck_assert_int_eq(updated, trained);
    ocelli_plan_destroy(&p);
    ocelli_graph_destroy(&g);
}
END_TEST

START_TEST(refused)
{
    struct ocelli_graph *g;
    assert_fails(ocelli_net(&g, "resnet51", NULL), OCELLI_ERR_INVALID, "resnet50");
    assert_fails(ocelli_net(&g, "vgg16", &(struct ocelli_net_params){.batch = -1}),
                 OCELLI_ERR_INVALID, "batch -1");
    assert_fails(ocelli_net(&g, NULL, NULL), OCELLI_ERR_INVALID, "no such network");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("nets");
    TCase *t = tcase_create("nets");
    tcase_set_timeout(t, 300);
    tcase_add_unchecked_fixture(t, open_device, close_device);
    tcase_add_loop_test(t, all_are_there, 0, N_NETS);
    tcase_add_loop_test(t, weights, 0, N_NETS);
    tcase_add_loop_test(t, smallest_image, 0, N_NETS);
    tcase_add_loop_test(t, plans, 0, N_NETS);
    tcase_add_test(t, refused);
    suite_add_tcase(s, t);
    return run_suite(s);
}
