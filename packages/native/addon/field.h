// Numbers modulo secp256k1's field prime p = 2^256 - 2^32 - 977. For public data alone: time depends on the values.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lode {

#if defined(__SIZEOF_INT128__) && !defined(LODE_PORTABLE_MULTIPLY)

// a·b + addend + carry, which always fits: its low half, the high half in `carry`.
inline uint64_t multiplyAdd(uint64_t a, uint64_t b, uint64_t addend, uint64_t& carry) {
  __extension__ typedef unsigned __int128 Wide;
  Wide sum = static_cast<Wide>(a) * b + addend + carry;
  carry = static_cast<uint64_t>(sum >> 64);
  return static_cast<uint64_t>(sum);
}

#else

inline uint64_t multiplyAdd(uint64_t a, uint64_t b, uint64_t addend, uint64_t& carry) {
  constexpr uint64_t half = 0xffffffff;
  uint64_t low = (a & half) * (b & half), high = (a >> 32) * (b >> 32);
  uint64_t middle = (a >> 32) * (b & half) + (low >> 32);
  uint64_t other = (a & half) * (b >> 32) + (middle & half);
  low = (other << 32) | (low & half);
  high += (middle >> 32) + (other >> 32);
  low += addend;
  high += low < addend;
  low += carry;
  high += low < carry;
  carry = high;
  return low;
}

#endif

// a + b + carry; the carry is 0 or 1.
inline uint64_t addCarry(uint64_t a, uint64_t b, uint64_t& carry) {
  uint64_t sum = a + b, total = sum + carry;
  carry = static_cast<uint64_t>(sum < a) | static_cast<uint64_t>(total < sum);
  return total;
}

// a - b - borrow; the borrow is 0 or 1.
inline uint64_t subtractBorrow(uint64_t a, uint64_t b, uint64_t& borrow) {
  uint64_t difference = a - b, total = difference - borrow;
  borrow = static_cast<uint64_t>(a < b) | static_cast<uint64_t>(difference < borrow);
  return total;
}

class Field {
 public:
  static constexpr size_t size = 32;

  Field() = default;
  explicit constexpr Field(uint64_t small) : limbs_{small, 0, 0, 0} {}
  // From the most significant limb to the least.
  constexpr Field(uint64_t a, uint64_t b, uint64_t c, uint64_t d) : limbs_{d, c, b, a} {}

  // 32 big-endian bytes, modulo p.
  static Field read(const uint8_t* from) {
    Field result;
    for (size_t limb = 0; limb < 4; limb++) {
      uint64_t value = 0;
      for (size_t i = 0; i < 8; i++) value = value << 8 | from[24 - 8 * limb + i];
      result.limbs_[limb] = value;
    }
    return result;
  }

  // 32 big-endian bytes, below p.
  void write(uint8_t* to) const {
    Field reduced = *this;
    if (!reduced.isReduced()) reduced.addSmall(excess);
    for (size_t i = 0; i < size; i++) to[size - 1 - i] = static_cast<uint8_t>(reduced.limbs_[i / 8] >> (8 * (i % 8)));
  }

  // Whether the number that was read is below p.
  bool isReduced() const { return (limbs_[1] & limbs_[2] & limbs_[3]) != UINT64_MAX || limbs_[0] < 0 - excess; }

  bool isZero() const {
    return (limbs_[0] | limbs_[1] | limbs_[2] | limbs_[3]) == 0 ||
           (limbs_[0] == 0 - excess && (limbs_[1] & limbs_[2] & limbs_[3]) == UINT64_MAX);
  }

  friend bool operator==(const Field& a, const Field& b) { return (a - b).isZero(); }

  friend Field operator+(const Field& a, const Field& b) {
    Field result;
    uint64_t carry = 0;
    for (size_t i = 0; i < 4; i++) result.limbs_[i] = addCarry(a.limbs_[i], b.limbs_[i], carry);
    // 2^256 is `excess` modulo p. A second carry leaves next to nothing, so there is no third.
    while (carry != 0) carry = result.addSmall(excess);
    return result;
  }

  friend Field operator-(const Field& a, const Field& b) {
    Field result;
    uint64_t borrow = 0;
    for (size_t i = 0; i < 4; i++) result.limbs_[i] = subtractBorrow(a.limbs_[i], b.limbs_[i], borrow);
    while (borrow != 0) {
      uint64_t subtrahend = excess;
      borrow = 0;
      for (size_t i = 0; i < 4; i++, subtrahend = 0) {
        result.limbs_[i] = subtractBorrow(result.limbs_[i], subtrahend, borrow);
      }
    }
    return result;
  }

  friend Field operator-(const Field& a) { return Field(0) - a; }

  friend Field operator*(const Field& a, const Field& b) {
    uint64_t product[8] = {};
    for (size_t i = 0; i < 4; i++) {
      uint64_t carry = 0;
      for (size_t j = 0; j < 4; j++) {
        product[i + j] = multiplyAdd(a.limbs_[i], b.limbs_[j], product[i + j], carry);
      }
      product[i + 4] = carry;
    }
    return fold(product);
  }

  Field squared() const {
    // The products of different limbs, twice, and the squares of the limbs.
    uint64_t product[8] = {};
    for (size_t i = 0; i < 3; i++) {
      uint64_t carry = 0;
      for (size_t j = i + 1; j < 4; j++) {
        product[i + j] = multiplyAdd(limbs_[i], limbs_[j], product[i + j], carry);
      }
      product[i + 4] = carry;
    }
    for (size_t i = 7; i > 0; i--) product[i] = product[i] << 1 | product[i - 1] >> 63;
    uint64_t carry = 0;
    for (size_t i = 0; i < 4; i++) {
      uint64_t high = 0, low = multiplyAdd(limbs_[i], limbs_[i], 0, high);
      product[2 * i] = addCarry(product[2 * i], low, carry);
      product[2 * i + 1] = addCarry(product[2 * i + 1], high, carry);
    }
    return fold(product);
  }

  // The one power from which roots and inverses come: to (p - 3) / 4, in binary 223 ones, 0, 22 ones, 0000 1011.
  Field power() const {
    const Field& ones1 = *this;
    Field ones2 = ones1.squared() * ones1;
    Field ones3 = ones2.squared() * ones1;
    Field ones6 = ones3.squaredTimes(3) * ones3;
    Field ones9 = ones6.squaredTimes(3) * ones3;
    Field ones11 = ones9.squaredTimes(2) * ones2;
    Field ones22 = ones11.squaredTimes(11) * ones11;
    Field ones44 = ones22.squaredTimes(22) * ones22;
    Field ones88 = ones44.squaredTimes(44) * ones44;
    Field ones176 = ones88.squaredTimes(88) * ones88;
    Field ones220 = ones176.squaredTimes(44) * ones44;
    Field ones223 = ones220.squaredTimes(3) * ones3;
    return ((ones223.squaredTimes(23) * ones22).squaredTimes(5) * ones1).squaredTimes(3) * ones2;
  }

  // To p - 2; zero stays zero.
  Field inverse() const { return power().squaredTimes(2) * *this; }

  // Zero is a square.
  bool isSquare() const { return (power() * *this).squared() == *this; }

  // The root of a square that is a square itself: to (p + 1) / 4. False: it is none.
  bool squareRoot(Field& root) const {
    root = power() * *this;
    return root.squared() == *this;
  }

  // As squareRoot, of numerator / denominator, with one power for both.
  static bool rootOfRatio(const Field& numerator, const Field& denominator, Field& root) {
    root = (numerator * denominator.squared() * denominator).power() * numerator * denominator;
    return root.squared() * denominator == numerator;
  }

 private:
  static constexpr uint64_t excess = 0x1000003d1;  // 2^256 - p

  Field squaredTimes(int times) const {
    Field result = *this;
    for (int i = 0; i < times; i++) result = result.squared();
    return result;
  }

  // Modulo 2^256; returns the carry.
  uint64_t addSmall(uint64_t addend) {
    uint64_t carry = 0;
    for (size_t i = 0; i < 4; i++, addend = 0) limbs_[i] = addCarry(limbs_[i], addend, carry);
    return carry;
  }

  // 512 bits to 256: the upper half counts `excess` times, then what is above 2^256 again.
  static Field fold(const uint64_t* product) {
    Field result;
    uint64_t above = 0, high = 0;
    for (size_t i = 0; i < 4; i++) result.limbs_[i] = multiplyAdd(product[i + 4], excess, product[i], above);
    uint64_t low = multiplyAdd(above, excess, 0, high), carry = 0;
    result.limbs_[0] = addCarry(result.limbs_[0], low, carry);
    result.limbs_[1] = addCarry(result.limbs_[1], high, carry);
    result.limbs_[2] = addCarry(result.limbs_[2], 0, carry);
    result.limbs_[3] = addCarry(result.limbs_[3], 0, carry);
    if (carry != 0) result.addSmall(excess);
    return result;
  }

  // Least significant first; any number below 2^256 stands for its remainder.
  uint64_t limbs_[4];
};

}  // namespace lode
