#pragma once

#include <memory>

namespace rbit {

/// Tells what was posted on behalf of an object, or waits for it, whether that is still there: the
/// object has a Lifetime as a member, what may come too late a Watch.
class Lifetime {
 public:
  class Watch {
   public:
    bool is_over() const { return token_.expired(); }

   private:
    friend class Lifetime;
    explicit Watch(const std::shared_ptr<void>& token) : token_(token) {}
    std::weak_ptr<void> token_;
  };

  Watch watch() const { return Watch(token_); }
  /// Before the object is gone.
  void end() { token_.reset(); }

 private:
  std::shared_ptr<void> token_ = std::make_shared<char>();
};

}  // namespace rbit
