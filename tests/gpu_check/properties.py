"""cuDNN's own description of a GPU as JSON, through the C interface of its backend: with it, plans
for that GPU can be made where there is none.
usage: properties.py [DEVICE | FILE.json]    a file goes through cuDNN and comes back, without a GPU
"""
import ctypes
import pathlib
import sys

# Values of cudnn_graph.h (cuDNN 9).
DEVICEPROP_DESCRIPTOR = 38
ATTR_DEVICE_ID, ATTR_JSON = 2700, 2702
TYPE_INT32, TYPE_CHAR = 23, 24


def open_cudnn():
    """The library of the dynamic loader, of Python's packages or of the toolkit; None without."""
    folders = [pathlib.Path("")]
    try:
        import nvidia
        folders += [f for base in nvidia.__path__ for f in sorted(pathlib.Path(base).glob("*/lib"))]
    except ImportError:
        pass
    folders.append(pathlib.Path("/usr/local/cuda/lib64"))
    for folder in folders:
        try:
            return ctypes.CDLL(str(folder / "libcudnn.so.9"))
        except OSError:
            continue
    return None


def describe(cudnn, attribute, kind, count, value):
    """The properties that this attribute of the descriptor stands for, as JSON."""
    def expect(status, what):
        if status != 0:
            cudnn.cudnnGetErrorString.restype = ctypes.c_char_p
            raise RuntimeError(f"cuDNN failed at {what}: "
                               f"{cudnn.cudnnGetErrorString(status).decode()}")
    descriptor = ctypes.c_void_p()
    expect(cudnn.cudnnBackendCreateDescriptor(DEVICEPROP_DESCRIPTOR, ctypes.byref(descriptor)),
           "making a descriptor")
    expect(cudnn.cudnnBackendSetAttribute(descriptor, attribute, kind, ctypes.c_int64(count),
                                          value), "naming the device")
    expect(cudnn.cudnnBackendFinalize(descriptor), "reading the device's properties")
    length = ctypes.c_int64()
    expect(cudnn.cudnnBackendGetAttribute(descriptor, ATTR_JSON, TYPE_CHAR, ctypes.c_int64(0),
                                          ctypes.byref(length), None), "asking for the length")
    text = ctypes.create_string_buffer(length.value + 1)
    expect(cudnn.cudnnBackendGetAttribute(descriptor, ATTR_JSON, TYPE_CHAR, length,
                                          ctypes.byref(length), text), "asking for the text")
    cudnn.cudnnBackendDestroyDescriptor(descriptor)
    return text.value.decode()


def device_properties(device="cuda"):
    """The properties of "cuda" or "cuda:N"; None where there is no cuDNN."""
    cudnn = open_cudnn()
    if cudnn is None:
        return None
    number = ctypes.c_int32(int(device.partition(":")[2] or 0))
    return describe(cudnn, ATTR_DEVICE_ID, TYPE_INT32, 1, ctypes.byref(number))


def main():
    name = sys.argv[1] if len(sys.argv) > 1 else "cuda"
    if name.startswith("cuda"):
        text = device_properties(name)
    else:
        data = pathlib.Path(name).read_bytes()
        text = describe(open_cudnn(), ATTR_JSON, TYPE_CHAR, len(data) + 1,
                        ctypes.create_string_buffer(data))
    print(text or "libcudnn.so.9 was not found")
    return 0 if text else 1


if __name__ == "__main__":
    sys.exit(main())
