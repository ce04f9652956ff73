#!/usr/bin/env python3
"""Writes the corpus: for each reader a few small files that are right, in every form it knows.

make_corpus.py [FOLDER]   (default: corpus beside this script). The same files every time. What a
fuzzer found and was repaired lies there too, as found-*; that is left alone.
"""
import base64
import gzip
import io
import json
import pathlib
import struct
import sys
import zipfile
import zlib

HERE = pathlib.Path(__file__).resolve().parent

# ---- Protobuf: a message is a list of (field, value); int: varint, float: 32 bits, bytes and str and
# lists (messages): with a length.


def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def message(fields):
    out = b''
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        elif isinstance(value, float):
            out += varint(number << 3 | 5) + struct.pack('<f', value)
        else:
            data = value.encode() if isinstance(value, str) else value
            data = message(data) if isinstance(data, list) else data
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


# ---- ONNX

FLOAT, INT32, INT64, BOOL = 1, 6, 7, 9


def count(dims):
    n = 1
    for d in dims:
        n *= d
    return n


def tensor(name, dims, values=None, kind=FLOAT):
    """Raw bytes; float: counting in quarters."""
    values = values if values is not None else [i % 7 / 4 for i in range(count(dims))]
    raw = struct.pack('<%d%s' % (len(values), {FLOAT: 'f', INT32: 'i', INT64: 'q', BOOL: '?'}[kind]), *values)
    return [(1, d) for d in dims] + [(2, kind), (8, name), (9, raw)]


def value_info(name, dims, kind=FLOAT):
    shape = [(1, [(2, d)] if isinstance(d, str) else [(1, d)]) for d in dims]
    return [(1, name), (2, [(1, [(1, kind), (2, shape)])])]


def attribute(name, value):
    if isinstance(value, tuple):
        one = [(7 if isinstance(v, float) else 8, v) for v in value]
        return [(1, name)] + one + [(20, 6 if one and one[0][0] == 7 else 7)]
    if isinstance(value, list):
        return [(1, name), (5, value), (20, 4)]
    field, kind = {int: (3, 2), float: (2, 1), str: (4, 3)}[type(value)]
    return [(1, name), (field, value), (20, kind)]


def node(op, inputs, outputs, attributes=None, domain=None):
    fields = [(1, i) for i in inputs] + [(2, o) for o in outputs] + [(4, op)]
    fields += [(5, attribute(k, v)) for k, v in (attributes or {}).items()]
    return fields + ([(7, domain)] if domain else [])


def model(nodes, inputs, initialisers=(), outputs=('y',), opset=17, more=()):
    graph = [(1, n) for n in nodes] + [(2, 'g')] + [(5, t) for t in initialisers]
    graph += [(11, i) for i in inputs] + [(12, [(1, o)]) for o in outputs]
    return message([(1, 8), (7, graph), (8, [(2, opset)])] + [(8, s) for s in more])


X = value_info('x', ['N', 2, 4, 4])
ROWS = value_info('x', [2, 6])


def ints(name, *values):
    return tensor(name, [len(values)], values, INT64)


# Name: nodes as (operator, inputs, outputs, attributes), graph input, initialisers, opset.
MODELS = {
    'conv': ([('Conv', 'xwb', 'c', {'pads': (1, 1, 1, 1), 'kernel_shape': (3, 3)}), ('Relu', 'c', 'r', {}),
              ('MaxPool', 'r', 'y', {'kernel_shape': (2, 2), 'strides': (2, 2)})], X,
             [tensor('w', [2, 2, 3, 3]), tensor('b', [2])], 17),
    'conv-auto': ([('Conv', 'xw', 'c', {'auto_pad': 'SAME_UPPER', 'strides': (2, 2), 'group': 2}),
                   ('AveragePool', 'c', 'y', {'kernel_shape': (2, 2), 'ceil_mode': 1, 'count_include_pad': 1})],
                  X, [tensor('w', [2, 1, 3, 3])], 11),
    'conv-transpose': ([('ConvTranspose', 'xw', 'y', {'strides': (2, 2), 'output_padding': (1, 1)})], X,
                       [tensor('w', [2, 1, 2, 2])], 11),
    'gemm': ([('Flatten', 'x', 'f', {}), ('Gemm', 'fwb', 'y', {'transB': 1, 'alpha': 0.5})], ROWS,
             [tensor('w', [3, 6]), tensor('b', [3])], 13),
    'norm': ([('BatchNormalization', 'xsbmv', 'n', {'epsilon': 0.25}), ('LRN', 'n', 'l', {'size': 3}),
              ('InstanceNormalization', 'lsb', 'i', {}), ('GlobalAveragePool', 'i', 'y', {})], X,
             [tensor('s', [2]), tensor('b', [2]), tensor('m', [2]), tensor('v', [2])], 17),
    'layer-norm': ([('LayerNormalization', 'xsb', 'n', {'axis': -1}), ('Softmax', 'n', 'y', {'axis': 1})], ROWS,
                   [tensor('s', [6]), tensor('b', [6])], 17),
    'chain': ([('Shape', 'x', 's', {}), ('Gather', 'sz', 'd', {}), ('Unsqueeze', 'da', 'u', {}),
               ('Concat', 'um', 'c', {'axis': 0}), ('Reshape', 'xc', 'y', {})], X,
              [tensor('z', [], [0], INT64), ints('a', 0), ints('m', -1)], 13),
    'arithmetic': ([('Shape', 'x', 's', {}), ('Slice', 'spq', 't', {}), ('Mul', 'tt', 'u', {}),
                    ('Div', 'up', 'v', {}), ('Cast', 'v', 'f', {'to': 1}), ('Floor', 'f', 'g', {}),
                    ('Cast', 'g', 'h', {'to': 7}), ('ReduceProd', 'h', 'k', {'keepdims': 1}),
                    ('Add', 'kp', 'l', {}), ('ConstantOfShape', 'l', 'm', {}),
                    ('Expand', 'mp', 'y', {})], X, [ints('p', 1), ints('q', 3)], 13),
    'move': ([('Transpose', 'x', 't', {'perm': (0, 2, 3, 1)}), ('Slice', 'tbeas', 'c', {}),
              ('Pad', 'cp', 'd', {'mode': 'reflect'}), ('Split', 'd', 'uv', {'axis': 3}),
              ('Concat', 'vu', 'y', {'axis': 1})], X,
             [ints('b', 3), ints('e', -9), ints('a', 1), ints('s', -1), ints('p', 0, 1, 1, 0, 0, 0, 1, 0)], 13),
    'resize': ([('Resize', ['x', '', 's'], 'r', {'mode': 'linear', 'coordinate_transformation_mode': 'asymmetric'}),
                ('DepthToSpace', 'r', 'y', {'blocksize': 1})], X, [tensor('s', [4], [1.0, 1.0, 2.0, 1.5])], 13),
    'upsample': ([('Upsample', 'xu', 'y', {'mode': 'nearest'})], X, [tensor('u', [4], [1.0, 1.0, 2.0, 2.0])], 9),
    'resize-sizes': ([('Resize', ['x', '', '', 'z'], 'r', {'mode': 'cubic'}),
                      ('SpaceToDepth', 'r', 'y', {'blocksize': 2})], X, [ints('z', 1, 2, 6, 2)], 13),
    'elements': ([('Sigmoid', 'x', 'a', {}), ('LeakyRelu', 'a', 'b', {'alpha': 0.5}), ('Clip', 'blh', 'c', {}),
                  ('PRelu', 'cs', 'd', {}), ('Elu', 'd', 'e', {}), ('HardSigmoid', 'e', 'f', {}),
                  ('Gelu', 'f', 'g', {'approximate': 'tanh'}), ('Sub', 'gd', 'i', {}), ('Pow', 'ip', 'y', {})],
                 ROWS, [tensor('l', [], [0.0]), tensor('h', [], [1.0]), tensor('s', [6]), tensor('p', [], [2.0])], 20),
    'reduce': ([('ReduceMean', 'x', 'a', {'axes': (1,), 'keepdims': 0}), ('ReduceLogSumExp', 'x', 'b', {'axes': (-1,)}),
                ('ArgMax', 'x', 'c', {'axis': 1, 'select_last_index': 1}), ('Mean', 'bx', 'y', {})], ROWS, [], 13),
    'loss': ([('SoftmaxCrossEntropyLoss', 'xt', 'yl', {'reduction': 'mean', 'ignore_index': 2})], ROWS,
             [tensor('t', [2], [1, 5], INT64)], 13),
    'constant': ([('Constant', '', 'c', {'value': tensor('', [6])}), ('Add', 'xc', 'd', {}),
                  ('Constant', '', 'i', {'value_ints': (3, -1)}), ('Reshape', 'di', 'y', {})], ROWS, [], 13),
    'where': ([('Shape', 'x', 's', {}), ('Equal', 'sa', 'e', {}), ('Where', 'esb', 'w', {}),
               ('Range', 'pqr', 'g', {}), ('Reshape', 'xw', 'z', {}), ('Dropout', 'z', 'd', {}),
               ('Identity', 'd', 'y', {})], ROWS,
              [ints('a', -1), ints('b', 4, 3), tensor('p', [], [0], INT64), tensor('q', [], [4], INT64),
               tensor('r', [], [2], INT64)], 13),
}


def onnx():
    for name, (nodes, graph_input, initialisers, opset) in MODELS.items():
        made = [node(op, [i for i in ins if i or isinstance(ins, list)], list(outs), attrs)
                for op, ins, outs, attrs in nodes]
        yield name + '.onnx', model(made, [graph_input], initialisers, opset=opset)
    # Tensors in typed fields, and one beside the model; an optimiser step.
    typed = [[(1, 2), (1, 6), (2, FLOAT), (4, struct.pack('<12f', *range(12))), (8, 'w')],
             [(1, 2), (2, INT64), (7, varint(-1) + varint(6)), (8, 's')]]
    yield 'typed.onnx', model([node('Mul', 'xw', 'm'), node('Reshape', 'ms', 'y')], [ROWS], typed)
    far = [(1, 6), (2, FLOAT), (8, 'w'), (13, [(1, 'location'), (2, 'w.bin')]), (13, [(1, 'offset'), (2, '64')]),
           (13, [(1, 'length'), (2, '24')]), (14, 1)]
    yield 'external.onnx', model([node('Add', 'xw', 'y')], [ROWS], [far])
    step = node('Momentum', ['r', 't', 'x', 'g', 'v'], ['y', 'z'],
                {'alpha': 0.5, 'beta': 0.25, 'norm_coefficient': 0.125, 'mode': 'nesterov'},
                'ai.onnx.preview.training')
    yield 'momentum.onnx', model([step], [value_info(n, [2, 6]) for n in 'xgv'],
                                 [tensor('r', [], [0.5]), tensor('t', [], [1], INT64)], 'yz',
                                 more=[[(1, 'ai.onnx.preview.training'), (2, 1)]])


def tensors():
    for kind, fields in {
            'raw': [(1, 2), (1, 3), (2, FLOAT), (8, 'a'), (9, struct.pack('<6f', *range(6)))],
            'floats': [(1, 3), (2, FLOAT), (4, struct.pack('<3f', 1, 2, 3))],
            'bytes': [(1, 4), (2, 2), (5, bytes([1, 2, 3, 127]))],
            'halves': [(1, 2), (2, 10), (5, varint(0x3c00) + varint(0xbc00))],
            'longs': [(1, 2), (2, INT64), (7, varint(-5) + varint(5))],
            'doubles': [(1, 1), (2, 11), (10, struct.pack('<d', 0.5))],
            'unsigned': [(1, 1), (2, 13), (11, varint(1 << 63))],
            'unpacked': [(1, 2), (2, INT64), (7, 1), (7, 2)],
            'empty': [(1, 0), (2, INT64), (9, b'')],
            'beside': [(1, 2), (2, FLOAT), (13, [(1, 'location'), (2, 'w')]), (14, 1)],
    }.items():
        yield kind + '.pb', message(fields)


# ---- Arrays


def npy(descr, shape, data, fortran=False, version=1):
    head = "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }" % (descr, fortran, shape)
    size = {1: 2, 2: 4, 3: 4}[version]
    head += ' ' * (-(8 + size + len(head) + 1) % 64) + '\n'
    return b'\x93NUMPY' + bytes([version, 0]) + len(head).to_bytes(size, 'little') + head.encode() + data


def npys():
    floats = struct.pack('<6f', *range(6))
    yield 'floats.npy', npy('<f4', (2, 3), floats)
    yield 'fortran.npy', npy('<f4', (3, 2), floats, fortran=True)
    yield 'bytes2.npy', npy('|u1', (4,), b'abcd', version=2)
    yield 'bool3.npy', npy('|b1', (2,), b'\x00\x05', version=3)
    yield 'scalar.npy', npy('<i8', (), struct.pack('<q', -7))
    yield 'none.npy', npy('<f8', (0, 5), b'')


def zipped(entries, method):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w') as z:
        for name, data in entries:
            z.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, method)
    return out.getvalue()


def npzs():
    two = [('a.npy', npy('<f4', (3,), struct.pack('<3f', 1, 2, 3))), ('b/c.npy', npy('|u1', (2,), b'xy'))]
    yield 'stored.npz', zipped(two, zipfile.ZIP_STORED)
    yield 'packed.npz', zipped(two, zipfile.ZIP_DEFLATED)


# ---- safetensors and checkpoints


def safetensor(header, data=b''):
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    return len(text).to_bytes(8, 'little') + text + data


def safetensors():
    yield 'two.safetensors', safetensor(
        {'__metadata__': {'format': 'pt', 'n': '1'},
         'a': {'dtype': 'F32', 'shape': [2, 2], 'data_offsets': [0, 16]},
         'b': {'dtype': 'U8', 'shape': [3], 'data_offsets': [16, 19]}}, bytes(range(19)))
    yield 'foreign.safetensors', safetensor(
        {'h': {'dtype': 'BF16', 'shape': [2], 'data_offsets': [0, 4]},
         's': {'dtype': 'F32', 'shape': [], 'data_offsets': [4, 8]}}, bytes(8))
    yield 'none.safetensors', safetensor({})


def checkpoints():
    yield 'pairs.txt', ('format=ocelli checkpoint 1\nposition.epochs=1\nposition.step=3\nposition.loss=0.5\n'
                        'position.correct=7\nepoch.1=1 0.5 2e-3 nan 0.25\nnumber=12\n').encode()
    yield 'plain.safetensors', safetensor({'__metadata__': {'format': 'ocelli checkpoint 1'}})


# ---- IDX


def idxs():
    images = struct.pack('>BBBBIII', 0, 0, 8, 3, 2, 3, 2) + bytes(range(12))
    labels = struct.pack('>BBBBI', 0, 0, 8, 1, 5) + bytes(5)
    yield 'images.idx', images
    yield 'labels.idx', labels
    yield 'images.idx.gz', gzip.compress(images, mtime=0)
    yield 'labels.idx.gz', gzip.compress(labels, mtime=0)


# ---- Pictures. The JPEGs (grey; RGB, turned by EXIF; CMYK, progressive) were made by libjpeg.

JPEGS = {
    'grey.jpg':
        '|JeWF01!$>Nk#wx0RR9200961|JwjV02>k%7Zed27Zw*D92+1gLMtdGB`8rkJupIGRb^yfRb5+Zc$tA}agcLcU4^xVke;Kft'
        '*d8%yve$z$C;?Br2oJG3kU!R00{vB5di<h02BZL00000000000000000001|HJ?v5C8%J0tWy90000000000009C30|W&T6d'
        '_cT(f`^22mt{A06zdJV9JVJz*SM1Ctw70wj8@|)%Jh?*#',
    'rgb.jpg':
        '|JeWF01!$>Nk#wx0RR9200961|KR{4MR;ju002ozDgX!o000315&;7M0RR911^@s600000|JwjV02>k%7Zed27Zw*D92+1gL'
        'MtdGB`8rkJupIGRb^yfRb5+Zc$tA}agcLcU4^xVke;Kft*d8%yve$z$C;?Br2pFhLjfEf9w;LyPAe-'
        ';q;6eqq@<*zq@<*zq@<*zq@<*zq@<*zq@<*zq@<*zq@<*zq@<*zq@<*zq@<*zq@<*zq@@4A01*fP2mlEK0U`hb5di}c0sq7R'
        '761VO0RR910000000000000011OLPTA`k!p0|5yE0000000000000620R#gD6BRK*QB;AF(f`B%6afJM0000000000000000'
        '0030!~hl%0RaI300000000000000000ANY+5ij#0RRFK0}%i}0HP7B(PlQht)(%~y_si-Pvge$Ur`ciU;o(',
    'cmyk.jpg':
        '|JeWT01iQ9Z(?NtWB>pF0095n07C#95)>B{5gQj47aklNASgmBC?zE*Q93;^LSR*8WM5TXTWWZjfogG(b6Z`7wT6(MqpPi}X'
        'MnuPx~9jOsH>#^!T=Nq00;mH1Va%3O%VWD5dcdO0RO}Q761VO0RR910000000000000620sq<n4g^C0O#oQ{O8@`>0Xa;Z|H'
        'J?n5CH%K0000000000000000009KGXL5D2mwO?0R;lW<$wRg02dGe00RI30000000000000000unO++5iXvO#lG}0>ZO@|HJ'
        '?n5CH%K0000000000000000006KGXL5D2mx6D0R;lWvw#1@02mMe0s{a50000000000000000s#>c|Jncu0ZRY@1p>HJE`R^'
        'T02vSf0s{d6000000000000000G6E5yvH#it2mwO?20sF*w+6%i!~hu(00RI600000000000000000J@*k+J{U00;q100ut-'
        '!q*CIpZ~-'
        'F84v&i00RI3000000000000002G7*un|Jncu0a*YBKLWzn3T>bN!~hu(00RI600000000000000000J@*k+J{U00;p~00ut-'
        '!q*CIpZ~-'
        'F7!Uyg00RI30000000000000315i#)p+5iXvLjVCkA#isoz+eBw02mMe0s{a50000000000000000TD6r|Jncu0Zjk_KOu0p'
        'Fy0^k!~hr&00IL5000000000000000009v(@&DQY2mx6D0Y4#dw=mux|HJ?n5C8)K0000000000000000003o@&DQY2mwm~0'
        'Y4!~-'
        'Ujgh+5ip&LjX+xSpZ7_000pG0RO}Q8V~^h0s{d600000000000003IQ2=4^(f`^22mwO?0Y4CeAXOl@baUIoKmWu48V~^h0s'
        '{d600000000000003IQ2=4^!T;I-2mwt10Y4CeAXOl@baT&ppZ~-F8V~^h0s{d600000000000003IQ2=4^!T;I-'
        '2mx6D0Y4CeAXOl@baT&ppZ~-F91s8k0R;g700000000000003I08wF)!O`&l+5iXvO8@~s5F%UHraCswC!XB@*#',
}


def png(width, height, depth, kind, rows, chunks=()):
    head = struct.pack('>IIBBBBB', width, height, depth, kind, 0, 0, 0)
    out = b'\x89PNG\r\n\x1a\n'
    for name, data in [(b'IHDR', head), *chunks, (b'IDAT', zlib.compress(rows)), (b'IEND', b'')]:
        out += struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data))
    return out


def images():
    for name, data in JPEGS.items():
        yield name, base64.b85decode(data)
    yield 'grey.png', png(3, 2, 8, 0, b'\x00abc\x01def')
    yield 'palette.png', png(4, 1, 2, 3, b'\x00\x1b', [(b'PLTE', bytes(range(12))), (b'tRNS', b'\x80')])
    yield 'deep-alpha.png', png(2, 1, 16, 6, b'\x00' + bytes(range(16)))
    turned = b'II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0'
    yield 'turned.png', png(2, 1, 8, 2, b'\x00abcdef', [(b'eXIf', turned)])


# ---- The kernel cache; its checksum is not made here: such an entry must be refused.


def entries():
    yield 'entry.bin', (b'OCELLIPB' + b'00112233445566778899aabbccddeeff' +
                        struct.pack('<QQQ', 1, 24, zlib.crc32(b'')) + bytes(range(24)))
    yield 'nothing.bin', b''


# ---- Problems: those of the tests, the shortest line of each operation and the one with most words


def problems():
    for path in sorted((HERE.parent / 'problems').glob('*.txt')):
        lines = [l.strip() for l in path.read_text().splitlines() if l.strip() and not l.startswith('#')]
        lines = [l for l in lines if len(l) < 200]
        yield path.stem + '-short.txt', min(lines, key=len).encode()
        yield path.stem + '-long.txt', max(lines, key=lambda l: l.count('=')).encode()


READERS = {'onnx': onnx, 'tensor': tensors, 'npy': npys, 'npz': npzs, 'safetensors': safetensors,
           'checkpoint': checkpoints, 'idx': idxs, 'cache': entries, 'image': images, 'problem': problems}


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / 'corpus'
    for reader, files in READERS.items():
        (folder / reader).mkdir(parents=True, exist_ok=True)
        for name, data in files():
            (folder / reader / name).write_bytes(data)


main()
