#include "pickle_reader.hpp"

#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "element.hpp"
#include "pickle_globals.hpp"

namespace ijepa {
namespace {

using Kind = PickleGlobal::Kind;

constexpr std::size_t most_values = 2'000'000;
constexpr std::size_t most_dimensions = 64;
constexpr std::size_t longest_key = 1024;  // of a storage: part of the name of an entry
// Values may be shared, so that a few bytes make a tensor of many sizes.
constexpr std::size_t most_sizes = 8'000'000;

class Machine {
 public:
  Machine(std::span<const std::uint8_t> bytes, const std::string& source)
      : bytes_(bytes), source_(source) {}

  PickleTree run();

 private:
  struct Opcode {
    std::uint8_t code;
    const char* name;
    void (Machine::*work)();  // null: refused
  };
  static const std::array<Opcode, 50> opcodes;
  static const Opcode* find(std::uint8_t code);

  template <class... Args>
  void require(bool ok, fmt::format_string<Args...> text, Args&&... args) const {
    if (!ok)
      fail("{} is refused: {} (byte {}).", source_, fmt::format(text, std::forward<Args>(args)...),
           at_);
  }

  std::span<const std::uint8_t> take(std::uint64_t count) {
    require(count <= bytes_.size() - at_, "its pickle is cut short");
    const auto part = bytes_.subspan(at_, count);
    at_ += count;
    return part;
  }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::string line() {
    std::string text;
    for (char c = number<char>(); c != '\n'; c = number<char>()) text += c;
    return text;
  }

  template <class T>
  void push(T value) {
    require(tree_.values.size() < most_values, "its pickle has more than {} values", most_values);
    tree_.values.push_back({std::move(value)});
    stack_.push_back(&tree_.values.back());
  }
  PickleRef pop() {
    require(!stack_.empty() && (marks_.empty() || stack_.size() > marks_.back()),
            "its pickle takes a value that is not there");
    const PickleRef top = stack_.back();
    stack_.pop_back();
    return top;
  }
  PickleRef top() {
    const PickleRef value = pop();
    stack_.push_back(value);
    return value;
  }
  std::vector<PickleRef> pop_to_mark() {
    require(!marks_.empty(), "its pickle goes back to a mark that is not there");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PickleRef> items(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return items;
  }
  template <class T>
  T& as(PickleRef value, const char* what) {
    T* found = std::get_if<T>(&value->v);
    require(found != nullptr, "its pickle has another value where {} must be", what);
    return *found;
  }
  std::vector<std::int64_t> whole_numbers(PickleRef tuple) {
    std::vector<std::int64_t> numbers;
    const auto& items = as<PickleTuple>(tuple, "a tuple of sizes").items;
    require(items.size() <= most_dimensions, "its pickle has a tensor of {} dimensions",
            items.size());
    for (const auto item : items) numbers.push_back(as<std::int64_t>(item, "a size"));
    sizes_ += numbers.size();
    require(sizes_ <= most_sizes, "its tensors have more than {} sizes", most_sizes);
    return numbers;
  }
  void remember(std::uint32_t key) { memo_[key] = top(); }
  void recall(std::uint32_t key) {
    const auto it = memo_.find(key);
    require(it != memo_.end(), "its pickle recalls a value that it never kept");
    stack_.push_back(it->second);
  }
  void add_items(PickleRef dict, const std::vector<PickleRef>& items) {
    auto& to = as<PickleDict>(dict, "a dictionary").items;
    require(items.size() % 2 == 0, "its pickle has a key without a value");
    for (std::size_t i = 0; i < items.size(); i += 2) to.emplace_back(items[i], items[i + 1]);
  }
  void tuple_of(std::size_t count) {
    std::vector<PickleRef> items(count);
    for (auto it = items.rbegin(); it != items.rend(); ++it) *it = pop();
    push(PickleTuple{std::move(items)});
  }

  void protocol() {
    const auto version = number<std::uint8_t>();
    require(version == 2, "its pickle has protocol {}, and torch archives have 2", version);
  }
  void stop() { stopped_ = true; }
  void mark() { marks_.push_back(stack_.size()); }
  void none() { push(std::monostate{}); }
  void yes() { push(true); }
  void no() { push(false); }
  void byte() { push(std::int64_t{number<std::uint8_t>()}); }
  void two_bytes() { push(std::int64_t{number<std::uint16_t>()}); }
  void four_bytes() { push(std::int64_t{number<std::int32_t>()}); }
  void long_number() {
    const auto count = number<std::uint8_t>();
    require(count <= 8, "its pickle has a whole number of {} bytes", count);
    std::uint64_t value = 0;
    const auto digits = take(count);
    for (std::size_t i = 0; i < count; ++i) value |= std::uint64_t{digits[i]} << (8 * i);
    if (count > 0 && count < 8 && (digits[count - 1] & 0x80U) != 0)
      value |= ~std::uint64_t{0} << (8 * count);
    push(static_cast<std::int64_t>(value));
  }
  void real() {
    std::uint64_t bits = 0;
    for (const auto b : take(8)) bits = bits << 8 | b;
    push(std::bit_cast<double>(bits));
  }
  void text() {
    const auto chars = take(number<std::uint32_t>());
    push(std::string(chars.begin(), chars.end()));
  }
  void empty_dict() { push(PickleDict{}); }
  void empty_list() { push(PickleList{}); }
  void empty_tuple() { push(PickleTuple{}); }
  void tuple() { push(PickleTuple{pop_to_mark()}); }
  void tuple1() { tuple_of(1); }
  void tuple2() { tuple_of(2); }
  void tuple3() { tuple_of(3); }
  void put() { remember(number<std::uint8_t>()); }
  void long_put() { remember(number<std::uint32_t>()); }
  void get() { recall(number<std::uint8_t>()); }
  void long_get() { recall(number<std::uint32_t>()); }
  void set_item() {
    const auto value = pop(), key = pop();
    add_items(top(), {key, value});
  }
  void set_items() {
    const auto items = pop_to_mark();
    add_items(top(), items);
  }
  void append() {
    const auto item = pop();
    as<PickleList>(top(), "a list").items.push_back(item);
  }
  void appends() {
    const auto items = pop_to_mark();
    auto& to = as<PickleList>(top(), "a list").items;
    to.insert(to.end(), items.begin(), items.end());
  }
  /// Attributes of a dictionary, such as the versions that torch keeps there, or of a value that is
  /// not needed.
  void build() {
    pop();
    if (!std::holds_alternative<PickleOpaque>(top()->v))
      as<PickleDict>(top(), "a dictionary with attributes");
  }
  void global();
  void persistent_id();
  void reduce();
  void call(const PickleGlobal& function, const std::vector<PickleRef>& arguments);
  void call_parameter(const std::vector<PickleRef>& arguments);
  void call_tensor(const std::vector<PickleRef>& arguments, bool typed);

  std::span<const std::uint8_t> bytes_;
  const std::string& source_;
  std::size_t at_ = 0, sizes_ = 0;
  bool stopped_ = false;
  PickleTree tree_;
  std::vector<PickleRef> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint32_t, PickleRef> memo_;
};

const std::array<Machine::Opcode, 50> Machine::opcodes{{
    {0x80, "PROTO", &Machine::protocol},
    {'.', "STOP", &Machine::stop},
    {'(', "MARK", &Machine::mark},
    {'N', "NONE", &Machine::none},
    {0x88, "NEWTRUE", &Machine::yes},
    {0x89, "NEWFALSE", &Machine::no},
    {'K', "BININT1", &Machine::byte},
    {'M', "BININT2", &Machine::two_bytes},
    {'J', "BININT", &Machine::four_bytes},
    {0x8a, "LONG1", &Machine::long_number},
    {'G', "BINFLOAT", &Machine::real},
    {'X', "BINUNICODE", &Machine::text},
    {'}', "EMPTY_DICT", &Machine::empty_dict},
    {']', "EMPTY_LIST", &Machine::empty_list},
    {')', "EMPTY_TUPLE", &Machine::empty_tuple},
    {'t', "TUPLE", &Machine::tuple},
    {0x85, "TUPLE1", &Machine::tuple1},
    {0x86, "TUPLE2", &Machine::tuple2},
    {0x87, "TUPLE3", &Machine::tuple3},
    {'q', "BINPUT", &Machine::put},
    {'r', "LONG_BINPUT", &Machine::long_put},
    {'h', "BINGET", &Machine::get},
    {'j', "LONG_BINGET", &Machine::long_get},
    {'s', "SETITEM", &Machine::set_item},
    {'u', "SETITEMS", &Machine::set_items},
    {'a', "APPEND", &Machine::append},
    {'e', "APPENDS", &Machine::appends},
    {'b', "BUILD", &Machine::build},
    {'c', "GLOBAL", &Machine::global},
    {'Q', "BINPERSID", &Machine::persistent_id},
    {'R', "REDUCE", &Machine::reduce},
    // Known, so that a refusal can name them.
    {'i', "INST", nullptr},
    {'o', "OBJ", nullptr},
    {0x81, "NEWOBJ", nullptr},
    {0x92, "NEWOBJ_EX", nullptr},
    {0x93, "STACK_GLOBAL", nullptr},
    {'P', "PERSID", nullptr},
    {0x82, "EXT1", nullptr},
    {0x83, "EXT2", nullptr},
    {0x84, "EXT4", nullptr},
    {'I', "INT", nullptr},
    {'L', "LONG", nullptr},
    {'F', "FLOAT", nullptr},
    {'V', "UNICODE", nullptr},
    {'S', "STRING", nullptr},
    {'B', "BINBYTES", nullptr},
    {'C', "SHORT_BINBYTES", nullptr},
    {0x95, "FRAME", nullptr},
    {0x94, "MEMOIZE", nullptr},
    {0x8b, "LONG4", nullptr},
}};

const Machine::Opcode* Machine::find(std::uint8_t code) {
  for (const auto& opcode : opcodes)
    if (opcode.code == code) return &opcode;
  return nullptr;
}

void Machine::global() {
  const std::string module = line(), name = line();
  auto known = pickle_global(module, name);
  require(known.has_value(),
          "its pickle asks for {}.{}, and weights need no such thing: load it with PyTorch there, "
          "and save the state dictionary alone",
          module, name);
  push(std::move(*known));
}

/// ('storage', class, key, location, elements)
void Machine::persistent_id() {
  const auto& items = as<PickleTuple>(pop(), "a storage").items;
  require(items.size() == 5 && as<std::string>(items[0], "a storage") == "storage",
          "its pickle refers to something that is no storage");
  const auto& type = as<PickleGlobal>(items[1], "a storage's type");
  require(type.kind == PickleGlobal::Kind::storage || type.kind == PickleGlobal::Kind::untyped,
          "its pickle has a storage without a type");
  const auto& key = as<std::string>(items[2], "a storage's key");
  require(key.size() <= longest_key, "its pickle has a storage with a key of {} bytes", key.size());
  push(PickleStorage{type.element, key, as<std::int64_t>(items[4], "a storage's size")});
}

void Machine::reduce() {
  // No copy, of which there could be many: values stay where they are.
  const auto& arguments = as<PickleTuple>(pop(), "arguments").items;
  call(as<PickleGlobal>(pop(), "an allowed function"), arguments);
}

void Machine::call(const PickleGlobal& function, const std::vector<PickleRef>& arguments) {
  switch (function.kind) {
    case Kind::rebuild_tensor:
    case Kind::rebuild_typed_tensor:
      return call_tensor(arguments, function.kind == Kind::rebuild_typed_tensor);
    case Kind::rebuild_parameter:
      return call_parameter(arguments);
    case Kind::rebuild_subclass: {  // (function, class, its arguments, attributes)
      require(arguments.size() == 4, "its pickle makes a tensor in an unusual way");
      const auto& inner = as<PickleGlobal>(arguments[0], "an allowed function");
      require(inner.kind != Kind::rebuild_subclass, "its pickle makes a tensor in an unusual way");
      return call(inner, as<PickleTuple>(arguments[2], "arguments").items);
    }
    case Kind::dictionary: {
      require(arguments.size() <= 1, "its pickle fills a dictionary in an unusual way");
      if (arguments.empty()) return push(PickleDict{});
      as<PickleDict>(arguments[0], "a dictionary");
      return stack_.push_back(arguments[0]);  // no copy, of which there could be many
    }
    case Kind::size:
      require(arguments.size() == 1, "its pickle has a size without numbers");
      as<PickleTuple>(arguments[0], "a tuple of sizes");
      return stack_.push_back(arguments[0]);
    case Kind::value:
      return push(PickleOpaque{function.name});
    default:
      require(false, "its pickle calls {}, which is no function", function.name);
  }
}

/// (tensor, requires_grad, hooks, ...)
void Machine::call_parameter(const std::vector<PickleRef>& arguments) {
  require(!arguments.empty(), "its pickle has a parameter without a tensor");
  as<PickleTensor>(arguments[0], "a parameter's tensor");
  stack_.push_back(arguments[0]);
}

/// (storage, offset, sizes, strides, requires_grad, hooks), and then the type of a typed one.
void Machine::call_tensor(const std::vector<PickleRef>& arguments, bool typed) {
  require(arguments.size() >= (typed ? 7U : 4U), "its pickle has a tensor without a size");
  const auto& storage = as<PickleStorage>(arguments[0], "a tensor's storage");
  auto element = storage.element;
  if (typed) {
    const auto& type = as<PickleGlobal>(arguments[6], "a tensor's type");
    require(type.element.has_value(),
            "its pickle has a tensor of the type {}, which this program "
            "does not read",
            type.name);
    element = type.element;
  }
  require(element.has_value(), "its pickle has a tensor without a type");
  push(PickleTensor{storage, *element, as<std::int64_t>(arguments[1], "a tensor's offset"),
                    whole_numbers(arguments[2]), whole_numbers(arguments[3])});
}

PickleTree Machine::run() {
  while (!stopped_) {
    const auto code = number<std::uint8_t>();
    const Opcode* opcode = find(code);
    require(opcode != nullptr && opcode->work != nullptr,
            "its pickle has the opcode {}, which weights do not need",
            opcode == nullptr ? fmt::format("{:#04x}", code) : opcode->name);
    (this->*opcode->work)();
  }
  tree_.root = pop();
  return std::move(tree_);
}

}  // namespace

PickleTree read_pickle(std::span<const std::uint8_t> bytes, const std::string& source) {
  return Machine(bytes, source).run();
}

}  // namespace ijepa
