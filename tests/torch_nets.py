"""The networks of src/nets/ as PyTorch modules: torchvision's where it has the same, else written here from the
papers. Layers are registered in the order in which ours are built, which is how weights find their places."""
import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision.models as tv


def relu_conv(a, b, kernel, stride=1, padding=None, **kw):
    padding = kernel // 2 if padding is None else padding
    return nn.Sequential(nn.Conv2d(a, b, kernel, stride, padding, **kw), nn.ReLU())


def bn_conv(a, b, kernel, stride=1, relu=True, groups=1):
    layers = [nn.Conv2d(a, b, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(b)]
    return nn.Sequential(*layers, *([nn.ReLU()] if relu else []))


def dropped(p):
    return [nn.Dropout(p)] if p else []


def dense(features, hidden, classes, drop=0.0):
    """features -> hidden.. -> classes, ReLU and dropout between."""
    layers = [nn.Flatten()]
    for n in hidden:
        layers += [nn.Linear(features, n), nn.ReLU(), *dropped(drop)]
        features = n
    return layers + [nn.Linear(features, classes)]


# ---- LeCun et al. 1998 ----


def lenet5(size, training):
    return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
                         nn.MaxPool2d(2), *dense(400, (120, 84), 10))


class Squash(nn.Module):
    def forward(self, x):
        return 1.7159 * torch.tanh(2 * x / 3)


class Subsample(nn.Module):
    def __init__(self, maps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(maps))
        self.bias = nn.Parameter(torch.zeros(maps))

    def forward(self, x):
        return F.avg_pool2d(x, 2) * self.weight[:, None, None] + self.bias[:, None, None]


class Connected(nn.Module):
    """C3: which maps of S2 (columns of the paper's table I) each of its maps sees."""
    seen = ["012", "123", "234", "345", "045", "015", "0123", "1234", "2345", "0345", "0145", "0125", "0134", "1245",
            "0235", "012345"]

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(60, 25))
        self.bias = nn.Parameter(torch.zeros(16))

    def forward(self, x):
        maps, at = [], 0
        for k, seen in enumerate(self.seen):
            w = self.weight[at:at + len(seen)].reshape(1, len(seen), 5, 5)
            maps.append(F.conv2d(x[:, [int(c) for c in seen]], w, self.bias[k:k + 1]))
            at += len(seen)
        return torch.cat(maps, 1)


def lenet5_1998(size, training):
    return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), Squash(), Subsample(6), Squash(), Connected(), Squash(),
                         Subsample(16), Squash(), nn.Conv2d(16, 120, 5), Squash(), nn.Flatten(), nn.Linear(120, 84),
                         Squash(), nn.Linear(84, 10))


# ---- Krizhevsky et al. 2012: the paper's LRN sums alpha x^2 without dividing by n; PyTorch divides ----


def alexnet(size, training):
    def norm():
        return nn.LocalResponseNorm(5, alpha=5 * 1e-4, beta=0.75, k=2)

    return nn.Sequential(relu_conv(3, 96, 11, 4, 0), norm(), nn.MaxPool2d(3, 2), relu_conv(96, 256, 5, groups=2),
                         norm(), nn.MaxPool2d(3, 2), relu_conv(256, 384, 3), relu_conv(384, 384, 3, groups=2),
                         relu_conv(384, 256, 3, groups=2), nn.MaxPool2d(3, 2), *dense(9216, (4096, 4096), 1000))


def alexnet_small(size, training):
    """The same for images of 32x32."""
    def norm():
        return nn.LocalResponseNorm(5, alpha=5 * 1e-4, beta=0.75, k=2)

    return nn.Sequential(relu_conv(3, 64, 5), norm(), nn.MaxPool2d(3, 2), relu_conv(64, 128, 5, groups=2), norm(),
                         nn.MaxPool2d(3, 2), relu_conv(128, 192, 3), relu_conv(192, 192, 3, groups=2),
                         relu_conv(192, 128, 3, groups=2), nn.MaxPool2d(3, 2), *dense(1152, (512, 512), 10))


def vgg(name):
    def make(size, training):
        m = getattr(tv, name)()
        m.avgpool = nn.Identity()  # it only acts where the image is not 224x224, and there ours has none
        m.classifier[0] = nn.Linear(512 * (size // 32) ** 2, 4096)
        for conv in m.features:
            if name.endswith("_bn") and isinstance(conv, nn.Conv2d):
                conv.bias = None  # the normalisation takes any constant away again: ours have none
        return m

    return make


def vgg16c(size, training):
    layers, a = [], 3
    for width, kernels in ((64, (3, 3)), (128, (3, 3)), (256, (3, 3, 1)), (512, (3, 3, 1)), (512, (3, 3, 1))):
        for k in kernels:
            layers.append(relu_conv(a, width, k))
            a = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, *dense(512 * (size // 32) ** 2, (4096, 4096), 1000))


def vgg_small(size, training):
    layers, a = [], 3
    for b in (32, 64, 128):
        layers += [bn_conv(a, b, 3), bn_conv(b, b, 3), nn.MaxPool2d(2)]
        a = b
    return nn.Sequential(*layers, *dense(a * (size // 8) ** 2, (256, 256), 10, 0.5))


# ---- Lin et al. 2013 ----


def mlpconv(a, widths, *conv):
    return [relu_conv(a, widths[0], *conv), relu_conv(widths[0], widths[1], 1), relu_conv(widths[1], widths[2], 1)]


def nin(size, training):
    return nn.Sequential(*mlpconv(3, (96, 96, 96), 11, 4, 0), nn.MaxPool2d(3, 2), *mlpconv(96, (256, 256, 256), 5),
                         nn.MaxPool2d(3, 2), *mlpconv(256, (384, 384, 384), 3), nn.MaxPool2d(3, 2),
                         *mlpconv(384, (1024, 1024, 1000), 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def nin_cifar(size, training):
    return nn.Sequential(*mlpconv(3, (192, 160, 96), 5), nn.MaxPool2d(3, 2, 1), *dropped(0.5),
                         *mlpconv(96, (192, 192, 192), 5), nn.AvgPool2d(3, 2, 1, count_include_pad=False),
                         *dropped(0.5), *mlpconv(192, (192, 192, 10), 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())


# ---- Szegedy et al. 2014, table 1 ----


class Inception(nn.Module):
    def __init__(self, a, c1, r3, c3, r5, c5, pool, conv=relu_conv):
        super().__init__()
        self.b1 = conv(a, c1, 1)
        self.b2 = nn.Sequential(conv(a, r3, 1), conv(r3, c3, 3))
        self.b3 = nn.Sequential(conv(a, r5, 1), conv(r5, c5, 5))
        self.b4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), conv(a, pool, 1))

    def forward(self, x):
        return torch.cat([self.b1(x), self.b2(x), self.b3(x), self.b4(x)], 1)


class Auxiliary(nn.Module):
    """The values pass; what it makes of them is kept for the loss."""

    def __init__(self, a, size):
        super().__init__()
        side = ((size // 16) - 5) // 3 + 1
        self.layers = nn.Sequential(nn.AvgPool2d(5, 3), relu_conv(a, 128, 1), *dense(128 * side ** 2, (1024,), 1000))

    def forward(self, x):
        self.logits = self.layers(x)
        return x


def googlenet(size, training):
    def shrink():
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    def aux(a):
        return [Auxiliary(a, size)] if training else []

    return nn.Sequential(
        relu_conv(3, 64, 7, 2), shrink(), nn.LocalResponseNorm(5), relu_conv(64, 64, 1), relu_conv(64, 192, 3),
        nn.LocalResponseNorm(5), shrink(),
        Inception(192, 64, 96, 128, 16, 32, 32), Inception(256, 128, 128, 192, 32, 96, 64), shrink(),
        Inception(480, 192, 96, 208, 16, 48, 64), *aux(512), Inception(512, 160, 112, 224, 24, 64, 64),
        Inception(512, 128, 128, 256, 24, 64, 64), Inception(512, 112, 144, 288, 32, 64, 64), *aux(528),
        Inception(528, 256, 160, 320, 32, 128, 128), shrink(),
        Inception(832, 256, 160, 320, 32, 128, 128), Inception(832, 384, 192, 384, 48, 128, 128),
        nn.AdaptiveAvgPool2d(1), *dense(1024, (), 1000))


def googlenet_small(size, training):
    def shrink():
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    def block(*row):
        return Inception(*row, conv=bn_conv)

    return nn.Sequential(bn_conv(3, 64, 3), shrink(), block(64, 32, 48, 64, 8, 16, 16),
                         block(128, 64, 64, 96, 16, 48, 32), shrink(), block(240, 96, 48, 104, 8, 24, 32),
                         block(256, 128, 80, 160, 16, 64, 64), shrink(), block(416, 192, 96, 192, 24, 64, 64),
                         nn.AdaptiveAvgPool2d(1), *dropped(0.4), *dense(512, (), 10))


# ---- Ioffe and Szegedy 2015, figure 5 ----


class Normalised(nn.Module):
    """c1 0: stride 2, no 1x1, and the pooled maps pass as they are."""

    def __init__(self, a, c1, r3, c3, rd, cd, pool, kind):
        super().__init__()
        stride = 1 if c1 else 2
        self.b = nn.ModuleList([bn_conv(a, c1, 1)] if c1 else [])
        self.b.append(nn.Sequential(bn_conv(a, r3, 1), bn_conv(r3, c3, 3, stride)))
        self.b.append(nn.Sequential(bn_conv(a, rd, 1), bn_conv(rd, cd, 3), bn_conv(cd, cd, 3, stride)))
        pooled = kind(3, stride, 1)
        self.b.append(nn.Sequential(pooled, bn_conv(a, pool, 1)) if pool else pooled)

    def forward(self, x):
        return torch.cat([b(x) for b in self.b], 1)


def inception_v2(size, training):
    mean, top = nn.AvgPool2d, nn.MaxPool2d
    rows = [(192, 64, 64, 64, 64, 96, 32, mean), (256, 64, 64, 96, 64, 96, 64, mean), (320, 0, 128, 160, 64, 96, 0, top),
            (576, 224, 64, 96, 96, 128, 128, mean), (576, 192, 96, 128, 96, 128, 128, mean),
            (576, 160, 128, 160, 128, 160, 128, mean), (608, 96, 128, 192, 160, 192, 128, mean),
            (608, 0, 128, 192, 192, 256, 0, top), (1056, 352, 192, 320, 160, 224, 128, mean),
            (1024, 352, 192, 320, 192, 224, 128, top)]
    return nn.Sequential(bn_conv(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1), bn_conv(64, 64, 1), bn_conv(64, 192, 3),
                         nn.MaxPool2d(3, 2, 1), *[Normalised(*r) for r in rows], nn.AdaptiveAvgPool2d(1),
                         *dense(1024, (), 1000))


def inception_v3(size, training):
    return tv.inception_v3(aux_logits=training, init_weights=False)


# ---- He et al. 2015, section 4.2: shortcuts of option A ----


class Residual(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.stride, self.more = (1 if a == b else 2), b - a
        self.layers = nn.Sequential(bn_conv(a, b, 3, self.stride), bn_conv(b, b, 3, relu=False))

    def forward(self, x):
        short = F.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, self.more // 2, self.more - self.more // 2))
        return torch.relu(self.layers(x) + short)


def resnet_cifar(depth):
    def make(size, training):
        layers, a = [bn_conv(3, 16, 3)], 16
        for b in (16, 32, 64):
            for _ in range((depth - 2) // 6):
                layers.append(Residual(a, b))
                a = b
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), *dense(64, (), 10))

    return make


# ---- Howard et al. 2017 ----


def mobilenet(size, training):
    layers, a = [bn_conv(3, 32, 3, 2)], 32
    for b, stride in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]:
        layers += [bn_conv(a, a, 3, stride, groups=a), bn_conv(a, b, 1)]
        a = b
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), *dense(a, (), 1000))


def torchvision(name):
    return lambda size, training: getattr(tv, name)()


# Our name: the definition, whose it is, channels, size, and the size for the training step (where gradients of a
# whole image would only take longer, or 0: the same).
NETS = {
    "lenet5": (lenet5, "here", 1, 28, 0),
    "lenet5-1998": (lenet5_1998, "here", 1, 28, 0),
    "alexnet": (alexnet, "here", 3, 227, 0),
    "alexnet-one-column": (torchvision("alexnet"), "torchvision", 3, 224, 0),
    "alexnet-small": (alexnet_small, "here", 3, 32, 0),
    **{"vgg%d" % n: (vgg("vgg%d" % n), "torchvision", 3, 224, 64) for n in (11, 13, 16)},
    "vgg16c": (vgg16c, "here", 3, 224, 64),
    "vgg19": (vgg("vgg19"), "torchvision", 3, 224, 64),
    **{"vgg%d-bn" % n: (vgg("vgg%d_bn" % n), "torchvision", 3, 224, 64) for n in (11, 13, 16, 19)},
    "vgg-small": (vgg_small, "here", 3, 32, 0),
    "nin": (nin, "here", 3, 224, 99),
    "nin-cifar": (nin_cifar, "here", 3, 32, 0),
    "googlenet": (googlenet, "here", 3, 224, 112),
    "googlenet-small": (googlenet_small, "here", 3, 32, 0),
    "inception-v2": (inception_v2, "here", 3, 224, 0),
    "inception-v3": (inception_v3, "torchvision", 3, 299, 0),
    "mobilenet": (mobilenet, "here", 3, 224, 128),
    **{"resnet%d" % n: (torchvision("resnet%d" % n), "torchvision", 3, 224, 128) for n in (18, 34, 50, 101, 152)},
    **{"resnet%d" % n: (resnet_cifar(n), "here", 3, 32, 0) for n in (20, 32, 44, 56, 110)},
}
