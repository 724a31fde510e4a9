# What the Python package loads is libllama; llama-common is four fifths of the work.
macro(add_subdirectory)
  set(LLAMA_BUILD_COMMON OFF)
  _add_subdirectory(${ARGV})
endmacro()
